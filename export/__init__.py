"""Export models to ONNX artifacts, and verify artifacts against their models."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinemask.export.artifact import export_model
    from refinemask.export.graph import export_graph
    from refinemask.export.parity import ParityReport
    from refinemask.export.verify import verify_artifact

_HOMES = {
    "export_model": "artifact",
    "export_graph": "graph",
    "ParityReport": "parity",
    "verify_artifact": "verify",
}

__all__ = ["ParityReport", "export_graph", "export_model", "verify_artifact"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `refinemask-export --help` is instant."""
    if name not in _HOMES:
        raise AttributeError(f"module 'refinemask.export' has no attribute {name!r}")
    return getattr(import_module(f"refinemask.export.{_HOMES[name]}"), name)
