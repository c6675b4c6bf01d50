"""Which model a command works with: exactly one of a model, a preset and an artifact."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from refinemask.errors import RefineMaskError

if TYPE_CHECKING:
    from refinemask.inference.structures import Predictor
    from refinemask.models import Detector


@dataclass(frozen=True)
class ModelChoice:
    """The options that name a PyTorch model: a checkpoint or shipped name, or a preset."""

    model: str | None = None
    preset: str | None = None
    weights: Literal["synthetic"] | None = None
    num_classes: int | None = None
    bn_eps: float | None = None

    def load(self, device: str) -> "Detector":
        """Load the model on `device` (auto, cpu or cuda:N).

        Raises:
            typer.BadParameter: the options name no model, more than one, or no device.
            RefineMaskError: the model or the device is not to be had.
        """
        self.check([])
        device = torch_device(device)
        if self.model is not None:
            from refinemask.checkpoints import load_model

            return load_model(self.model, device=device, bn_eps=self.bn_eps)
        from refinemask.checkpoints import synthetic_model
        from refinemask.configs.presets import preset

        assert self.preset is not None
        return synthetic_model(preset(self.preset, self.num_classes)).to(device)

    def checkpoint(self) -> Path | None:
        """Return the file of the model, None for a preset.

        Raises:
            RefineMaskError: it does not exist.
        """
        if self.model is None:
            return None
        from refinemask.checkpoints.shipped import find_checkpoint

        return find_checkpoint(self.model)

    def check(self, others: Sequence[tuple[str, object]]) -> None:
        """Check that exactly one of `--model`, `--preset` and `others` (option, value) is given.

        Raises:
            typer.BadParameter: none or several are given, or `--preset` lacks its weights.
        """
        options = [("--model", self.model), ("--preset", self.preset), *others]
        given = [name for name, value in options if value is not None]
        if len(given) != 1:
            wanted = ["--model CHECKPOINT|NAME", "--preset NAME --weights synthetic"]
            wanted += [f"{name} FILE" for name, _ in others]
            raise typer.BadParameter(
                f"give exactly one of {'; '.join(wanted)}: got {' and '.join(given) or 'none'}"
            )
        if self.preset is not None and self.weights is None:
            raise typer.BadParameter(
                "--preset needs --weights synthetic; trained weights come with --model"
            )
        if self.preset is None and (self.weights, self.num_classes) != (None, None):
            raise typer.BadParameter("--weights and --num-classes go with --preset only")
        if self.model is None and self.bn_eps is not None:
            raise typer.BadParameter("--bn-eps goes with --model only")


def open_predictor(
    choice: ModelChoice, artifact: Path | None, runtime: str | None, device: str
) -> "Predictor":
    """Open what `predict` and `eval` run: a PyTorch model, or an artifact in an engine.

    Raises:
        typer.BadParameter: the options name nothing to run, or more than one thing.
        RefineMaskError: it cannot be opened.
    """
    choice.check([("--artifact", artifact)])
    if artifact is None:
        if runtime is not None:
            raise typer.BadParameter("--runtime goes with --artifact; a model runs in PyTorch")
        return choice.load(device)
    runtime = runtime or "onnxruntime"
    device = torch_device(device) if runtime == "torch" else engine_device(device)
    from refinemask import engines

    return engines.open(artifact, runtime, device)


def engine_device(device: str) -> str:
    """Return where an engine runs; auto is the processor, as not every runtime knows GPUs.

    Raises:
        typer.BadParameter: not auto, cpu, cuda or cuda:N.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise typer.BadParameter(f"--device takes auto, cpu or cuda:N, got {device!r}")
    return "cpu" if device == "auto" else device


def torch_device(device: str) -> str:
    """Return the PyTorch name of `--device`, after checking that it is there.

    Raises:
        typer.BadParameter: not auto, cpu, cuda or cuda:N.
        RefineMaskError: PyTorch sees no such GPU.
    """
    if engine_device(device) == device == "cpu":
        return device
    import torch

    count = torch.cuda.device_count()
    if device == "auto":
        return "cuda:0" if count else "cpu"
    if int(device.partition(":")[2] or 0) >= count:
        raise RefineMaskError(
            f"--device {device}: PyTorch sees {count} CUDA devices here; use --device cpu or auto"
        )
    return device
