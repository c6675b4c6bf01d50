"""The model that a command works with: exactly one of a model, a preset and an artifact."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from refinemask.checkpoints.shipped import find_checkpoint, shipped_models
from refinemask.configs.classes import MAX_CLASSES
from refinemask.configs.config import MAX_DETECTIONS
from refinemask.configs.options import Option, check_options
from refinemask.configs.output_kinds import OutputKind
from refinemask.configs.settings import Settings, read_settings, with_settings
from refinemask.configs.shared_options import BnEps, Device
from refinemask.console import note
from refinemask.engines.runtimes import (
    CHECKPOINT_RUNTIMES,
    COMPILED,
    RUNTIMES,
    find_runtime,
    runtime_names,
)
from refinemask.errors import WrongUsage
from refinemask.models.device import engine_device, torch_device

if TYPE_CHECKING:
    from refinemask.engines import Engine
    from refinemask.models import Detector

_DEFAULT_RUNTIME = next(iter(RUNTIMES))


@dataclass(frozen=True)
class ModelChoice:
    """A PyTorch model: a checkpoint, a shipped model or a preset."""

    model: Annotated[
        str | None,
        Option(
            metavar="CHECKPOINT|NAME",
            help="A checkpoint (of this package, RefineMask, mmdetection, torchvision or "
            f"detectron2), or a shipped model: {', '.join(shipped_models())}.",
        ),
    ] = None
    bn_eps: BnEps = None
    preset: Annotated[str | None, Option(metavar="NAME")] = None
    """A configuration by name, with `weights` synthetic."""
    weights: Literal["synthetic"] | None = None
    """Weights of `preset`: deterministic ones, for measurements."""
    num_classes: Annotated[int | None, Option(min=1, max=MAX_CLASSES)] = None
    """Number of classes of `preset`; default: the preset's own."""
    max_detections: Annotated[int | None, Option(min=1, max=MAX_DETECTIONS)] = None
    """Maximum number of detections per image, those with the highest scores; default: the model's,
    100 if nothing else was recorded. An artifact keeps no more than the model it was exported
    from."""
    settings: Settings = ()

    def __post_init__(self) -> None:
        check_options(self)

    def check(self, **others: object) -> None:
        """Check that exactly one of `model`, `preset` and `others` (files by option) is given.

        Raises:
            WrongUsage: none or several are given, or an option lacks the one that it goes with.
        """
        given = {"model": self.model, "preset": self.preset} | others
        named = [f"--{option}" for option, value in given.items() if value is not None]
        if len(named) != 1:
            wanted = ["--model CHECKPOINT|NAME", "--preset NAME --weights synthetic"]
            wanted += [f"--{option} FILE" for option in others]
            raise WrongUsage(
                f"give exactly one of {'; '.join(wanted)}: got {' and '.join(named) or 'none'}"
            )
        if self.preset is not None and self.weights is None:
            raise WrongUsage(
                "--preset requires --weights synthetic; trained weights come with --model"
            )
        if self.preset is None and (self.weights, self.num_classes) != (None, None):
            raise WrongUsage("--weights and --num-classes require --preset")
        if self.model is None and self.bn_eps is not None:
            raise WrongUsage("--bn-eps requires --model")
        read_settings(self.settings)
        if self.settings and self.model is None and self.preset is None:
            raise WrongUsage("--set requires --model or --preset; export sets an artifact's values")

    def load(self, device: str) -> "Detector":
        """Load the model on a device (auto, cpu or cuda:N).

        Raises:
            WrongUsage: there is no such preset or kind of device.
            RefineMaskError: the model cannot be loaded, or the device is not available.
        """
        device = torch_device(device)
        model = self._load(device)
        if self.max_detections is not None:
            model.config = replace(model.config, max_detections=self.max_detections)
        return model

    def _load(self, device: str) -> "Detector":
        settings = read_settings(self.settings)
        if self.model is not None:
            from refinemask.checkpoints import load_model

            return load_model(self.model, device, self.bn_eps, settings)
        from refinemask.checkpoints import synthetic_model
        from refinemask.configs.presets import preset

        assert self.preset is not None
        config = with_settings(preset(self.preset, self.num_classes), settings)
        return synthetic_model(config).to(device)

    def checkpoint(self) -> Path | None:
        """Return the file of the model, None for a preset.

        Raises:
            RefineMaskError: it does not exist.
        """
        return None if self.model is None else find_checkpoint(self.model)


@dataclass(frozen=True)
class PredictorChoice(ModelChoice):
    """A PyTorch model, or an artifact and its runtime."""

    artifact: Annotated[Path | None, Option(metavar="FILE")] = None
    """An exported model, instead of `model`."""
    runtime: Annotated[
        str | None,
        Option(
            metavar="NAME[:PROVIDER]",
            help=f"What runs --artifact: {runtime_names()}, or auto, the fastest that is installed "
            f"and can; default: {_DEFAULT_RUNTIME}. PROVIDER is an execution provider of ONNX "
            "Runtime instead of that of the device: tensorrt, or a plugin such as openvino. "
            f"A model runs in {' or '.join(CHECKPOINT_RUNTIMES)}.",
        ),
    ] = None
    device: Device = "auto"
    threads: Annotated[int | None, Option(min=1)] = None
    """CPU threads for one image; default: those that the runtime chooses."""

    def check(self, **others: object) -> None:
        """Check that exactly one model, artifact or other file (by option) is given.

        Raises:
            WrongUsage: as `ModelChoice.check`.
        """
        super().check(artifact=self.artifact, **others)
        if self.runtime is not None and self.runtime != "auto":
            find_runtime(self.runtime)
        if self.artifact is None and self.runtime not in (None, *CHECKPOINT_RUNTIMES):
            raise WrongUsage(
                f"--runtime {self.runtime} requires --artifact; a model runs in "
                f"{' or '.join(CHECKPOINT_RUNTIMES)}"
            )
        if self.max_detections is not None and any(others.values()):
            raise WrongUsage("--max-detections requires a model or an artifact that detects")

    def open(self, outputs: OutputKind = "detections") -> "Detector | Engine":
        """Load the model, or open the artifact in its runtime, for one of its uses.

        Raises:
            RefineMaskError: that is not possible, or the artifact is for another use.
        """
        if self.artifact is None:
            if self.threads is not None:
                import torch

                torch.set_num_threads(self.threads)
            return self._open_model()
        from refinemask import engines

        on_torch = find_runtime(self._chosen_runtime).runs_checkpoints
        device = torch_device(self.device) if on_torch else engine_device(self.device)

        engine = engines.open(self.artifact, self._chosen_runtime, device, self.threads)
        engine.require(outputs)
        engine.max_detections = self.max_detections
        most = engine.metadata.config.get("max_detections")
        if isinstance(most, int) and most < (self.max_detections or 0):
            note(
                f"{self.artifact} keeps at most {most} detections of an image, as it was exported; "
                f"for more, export its model again with --max-detections {self.max_detections}"
            )
        return engine

    def _open_model(self) -> "Detector | Engine":
        model = self.load(self.device)
        if self.runtime != COMPILED:
            return model
        from refinemask.engines.torch import TorchEngine
        from refinemask.engines.torch_compiled import compile_model

        return TorchEngine(compile_model(model, self.model or model.config.preset))

    @cached_property
    def _chosen_runtime(self) -> str:
        """The name of what runs the artifact, also where the option is auto."""
        if self.runtime != "auto":
            return self.runtime or _DEFAULT_RUNTIME
        from refinemask import engines

        assert self.artifact is not None
        return engines.choose_runtime(self.artifact, engine_device(self.device)).name

    def identity(self) -> dict[str, Any]:
        """Return what distinguishes the model or artifact, wherever its file is."""
        from refinemask.files import sha256

        settings: dict[str, Any] = {"bn_eps": self.bn_eps, "max_detections": self.max_detections}
        if self.runtime == COMPILED:
            settings["runtime"] = self.runtime
        settings = {name: value for name, value in settings.items() if value is not None}
        settings = read_settings(self.settings) | settings
        checkpoint = self.checkpoint()
        if self.artifact is not None:
            origin = {"artifact": sha256(self.artifact)}
            return origin | {"runtime": self._chosen_runtime} | settings
        if checkpoint is not None:
            return {"checkpoint": sha256(checkpoint)} | settings
        preset = {"preset": self.preset, "weights": self.weights, "num_classes": self.num_classes}
        return preset | settings
