"""Weights of engines that were built without them, from the artifact that they were built from."""

from pathlib import Path
from typing import Any

from refinemask.engines.tensorrt.record import EngineRecord
from refinemask.errors import RefineMaskError
from refinemask.inference.artifact import Artifact
from refinemask.printable import one_line


def find_weights(record: EngineRecord, engine: Path, given: str | Path | None) -> Path | None:
    """Return the artifact that an engine lacks the weights of; None if it has them.

    It is looked for where it was when the engine was built, and beside the engine.

    Args:
        record: what is known of the engine.
        engine: its path.
        given: the artifact; None to look for it.

    Raises:
        RefineMaskError: it is not there, or another one is.
    """
    if "--strip-weights" not in record.options:
        return None
    recorded = Path(record.artifact)
    beside = engine.parent / recorded.name
    places = [Path(given)] if given else list(dict.fromkeys([recorded, beside]))
    found = next((place for place in places if place.is_file()), None)
    advice = f"build it again without --strip-weights: {_with_weights(record, engine)}"
    if found is None:
        raise RefineMaskError(
            f"{engine} has no weights, and the artifact that it takes them from is not at "
            f"{' or '.join(map(str, places))}; copy it there, give it as "
            f"TensorRtOptions(artifact=...), or {advice}"
        )
    if Artifact.open(found).sha256 != record.artifact_sha256:
        raise RefineMaskError(
            f"{engine} has no weights, and {found} is not the artifact that it was built from: "
            f"its SHA-256 is another; give that as TensorRtOptions(artifact=...), or {advice}"
        )
    return found


def refit(trt: Any, logger: Any, engine: Any, artifact: str | Path, source: str) -> None:
    """Give an engine of TensorRT the weights of an artifact.

    Raises:
        RefineMaskError: TensorRT refuses them, or lacks some.
    """
    refitter = trt.Refitter(engine, logger)
    parser = trt.OnnxParserRefitter(refitter, logger)
    if not parser.refit_from_file(str(artifact)):
        reasons = [parser.get_error(index).desc() for index in range(parser.num_errors)]
    elif not refitter.refit_cuda_engine():
        reasons = [f"it lacks {name}" for name in refitter.get_missing_weights()]
    else:
        return
    reason = one_line("; ".join(reasons[:3]) or "TensorRT does not say why")
    raise RefineMaskError(
        f"{source} does not take the weights of {artifact}: {reason}; build it again"
    )


def _with_weights(record: EngineRecord, engine: Path) -> str:
    return record.command(engine).replace(" --strip-weights", "")
