"""Description of a checkpoint, an artifact or an engine, as `refinemask info` shows it.

Artifacts and engines are described from their metadata alone. Without torch, the parameters and
multiply-adds of the model are left out.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refinemask.configs.config import ModelConfig
from refinemask.engines.tensorrt.profile import described
from refinemask.engines.tensorrt.record import ENGINE_SUFFIXES, check_host, read_record
from refinemask.errors import RefineMaskError
from refinemask.files import sha256
from refinemask.inference.artifact import Artifact
from refinemask.inference.sizes import DIVISOR, padded_side

PROPOSALS = 1000
_DETECTOR = ("rpn", "box_head")
"""Parts that are not in an artifact that is given boxes."""


def describe_file(
    path: str | Path,
    size: tuple[int, int] | None = None,
    rois: int = 100,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe a file as JSON values.

    Args:
        path: a checkpoint, the name of a shipped model, an artifact (`.onnx`), or an engine
            (`.engine` or `.plan`), which is checked against its record.
        size: padded height and width, multiples of 32, to count multiply-adds for; by default
            those of a landscape photograph that fills the model's input.
        rois: detections whose masks are counted.
        settings: values that a checkpoint is loaded with, as those of `load_model`.

    Returns:
        `file`, `format`, `bytes`, `sha256`, `preset`, `config`, `provenance`; `mismatch`: why a
        recognised checkpoint or an engine cannot be loaded here, else None; `settings`: names of
        the values given; `recorded`: names of the values of `config` that the file records, the
        others being the preset's, None if all. With torch also `parameters` by part and
        `multiply_adds`: `size`, `proposals`, `rois`, `parts` and those inside the `mask_head`.

    Raises:
        RefineMaskError: there is no such file, it is neither, or the size or a setting is not
            allowed.
    """
    settings = settings or {}
    if size is not None and any(side < DIVISOR or side % DIVISOR for side in size):
        raise RefineMaskError(
            f"a padded size must be multiples of {DIVISOR}, got {size[0]}x{size[1]}"
        )
    describe = _EXPORTED.get(Path(path).suffix)
    if describe is None:
        file, config, found = _checkpoint(path, settings)
    elif settings:
        raise RefineMaskError(f"{path} has its values fixed; set them when you export its model")
    else:
        file, config, found = describe(path)
    description = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "sha256": sha256(file),
        "preset": config.preset,
        "config": config.to_dict(),
        "settings": sorted(settings),
    }
    if not find_spec("torch"):
        return description | found
    segments = describe is not None and found["provenance"]["outputs"] == "masks"
    return description | found | _costs(config, size, rois, *_DETECTOR if segments else ())


def _artifact(path: str | Path) -> tuple[Path, ModelConfig, dict[str, Any]]:
    artifact = Artifact.open(path)
    found = {
        "format": artifact.kind,
        "mismatch": None,
        "provenance": artifact.describe(),
        "recorded": None,
    }
    return artifact.path, ModelConfig.from_dict(artifact.metadata.config), found


def _engine(path: str | Path) -> tuple[Path, ModelConfig, dict[str, Any]]:
    file = Path(path)
    record = read_record(file)
    try:
        check_host(record, file)
        mismatch = None
    except RefineMaskError as error:
        mismatch = str(error)
    provenance: dict[str, Any] = {
        "runtime_version": record.runtime_version,
        "compute_capabilities": record.compute_capabilities or "all that the runtime supports",
        "artifact": record.artifact,
        "artifact_sha256": record.artifact_sha256,
        "plugins_sha256": record.plugins_sha256,
        "command": record.command(file),
        **{name: getattr(record.metadata, name) for name in ("form", "precision", "weights")},
        "outputs": record.metadata.outputs,
    }
    provenance |= {name: described(shapes) for name, shapes in record.profile.shapes.items()}
    found = {"format": record.runtime, "mismatch": mismatch, "provenance": provenance}
    return file, record.metadata.model, found | {"recorded": None}


_EXPORTED = {".onnx": _artifact} | dict.fromkeys(ENGINE_SUFFIXES, _engine)
"""What describes a file that was made of a checkpoint, by its suffix."""


def _checkpoint(
    path: str | Path, settings: Mapping[str, Any]
) -> tuple[Path, ModelConfig, dict[str, Any]]:
    from refinemask.checkpoints.load import mismatch, read_checkpoint

    checkpoint = read_checkpoint(path, settings=settings)
    found = {
        "format": checkpoint.format,
        "mismatch": mismatch(checkpoint),
        "provenance": checkpoint.provenance,
        "recorded": None if checkpoint.recorded is None else sorted(checkpoint.recorded),
    }
    return checkpoint.path, checkpoint.config, found


def _costs(
    config: ModelConfig, size: tuple[int, int] | None, rois: int, *left_out: str
) -> dict[str, Any]:
    from refinemask.models.complexity import multiply_adds, parameters

    if size is None:
        short, long = (
            padded_side(side) for side in (config.input.short_side, config.input.long_side)
        )
        size = (short, long)
    parts, mask_head = multiply_adds(config, *size, rois, PROPOSALS)
    return {
        "parameters": {k: v for k, v in parameters(config).items() if k not in left_out},
        "multiply_adds": {
            "size": list(size),
            "proposals": 0 if left_out else PROPOSALS,
            "rois": rois,
            "parts": {k: v for k, v in parts.items() if k not in left_out},
            "mask_head": mask_head,
        },
    }
