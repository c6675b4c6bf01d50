"""Export models to ONNX artifacts, and verify artifacts against their models."""

from typing import TYPE_CHECKING

from refinemask.lazy import lazy_attributes

if TYPE_CHECKING:
    from refinemask.export.artifact import export_model
    from refinemask.export.graph import export_graph
    from refinemask.export.options import ExportOptions
    from refinemask.export.parity import ParityReport
    from refinemask.export.runtime_matrix import RuntimeMatrix, verify_runtimes
    from refinemask.export.verify import verify_artifact

__all__ = [
    "ExportOptions",
    "ParityReport",
    "RuntimeMatrix",
    "export_graph",
    "export_model",
    "verify_artifact",
    "verify_runtimes",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "export_model": "artifact",
        "export_graph": "graph",
        "ExportOptions": "options",
        "ParityReport": "parity",
        "RuntimeMatrix": "runtime_matrix",
        "verify_runtimes": "runtime_matrix",
        "verify_artifact": "verify",
    },
)
