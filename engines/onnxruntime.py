"""Run artifacts with ONNX Runtime, in one of its execution providers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

from refinemask.engines.base import Engine
from refinemask.engines.graph import GraphEngine, Inputs
from refinemask.engines.providers import choose_provider
from refinemask.engines.runtimes import RUNTIMES
from refinemask.errors import RefineMaskError
from refinemask.inference import native
from refinemask.inference.artifact import Artifact


def open_engine(
    path: str | Path | Artifact, device: str, threads: int | None, provider: str | None = None
) -> Engine:
    """Open an artifact; see `refinemask.engines.open` and `choose_provider`."""
    artifact = Artifact.open(path)
    RUNTIMES["onnxruntime"].check_form(artifact)
    return OnnxRuntimeEngine(artifact, device, threads, provider)


class OnnxRuntimeEngine(GraphEngine):
    """An `onnxruntime.InferenceSession`; safe to use from several threads."""

    def __init__(
        self,
        artifact: Artifact,
        device: str,
        threads: int | None,
        provider: str | None = None,
        trace: Path | None = None,
    ) -> None:
        """Load `artifact`; see `refinemask.engines.open` and `choose_provider`.

        With `trace`, the times of all layers are written to a file whose path begins so.
        """
        super().__init__(artifact.metadata, str(artifact.path))
        chosen = choose_provider(provider, device, threads, artifact)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Errors only: users can do nothing about the warnings.
        # Else the name of the file may choose another format.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        # It plans the memory of all tensors for given sizes of inputs. Those of ours depend on what
        # is in an image, so that the plan of another image is allocated in addition.
        options.enable_mem_pattern = False
        if threads is not None:
            options.intra_op_num_threads = threads
        if trace is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(trace)
        if artifact.metadata.form == "fused":
            where = "" if device == "cpu" else f" on {device}"
            purpose = f"the fused artifact {artifact.path}{where}"
            operators = native.require(chosen.operators, purpose)
            options.register_custom_ops_library(str(operators))
        try:
            self._session = chosen.start(artifact.path, self.source, options)
        except RefineMaskError:
            raise
        except Exception as error:  # The runtime's errors have no base class in common.
            raise artifact.load_error(error) from error
        chosen.check_nodes(self._session, self.source)

    def end_trace(self) -> Path:
        """Stop timing layers; return the file of all times until now."""
        return Path(self._session.end_profiling())

    def _fetch(self, names: Sequence[str], inputs: Inputs) -> Sequence[NDArray[Any]]:
        outputs: list[NDArray[Any]] = self._session.run(names, inputs)
        return outputs
