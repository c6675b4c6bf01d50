"""Initial weights of the backbone: ImageNet weights, a file, or random ones."""

import pickle
from pathlib import Path

from torch import Tensor

from refinemask.checkpoints.native_format import is_safetensors, read_tensors
from refinemask.checkpoints.pickles import read_pickle
from refinemask.checkpoints.state_dicts import check_finite, find_state_dict
from refinemask.errors import RefineMaskError
from refinemask.models import Detector
from refinemask.models.efficientnet_lite import EfficientNetLite
from refinemask.printable import listed

IMAGENET, NONE = "imagenet", "none"


def load_backbone(model: Detector, source: str = IMAGENET) -> None:
    """Load weights into the backbone.

    Args:
        model: a new model.
        source: `imagenet`, `none` for a random start, or a file of a torchvision ResNet.

    Raises:
        RefineMaskError: the weights cannot be had or do not fit.
    """
    if source == NONE:
        return
    if isinstance(model.backbone, EfficientNetLite):
        if source != IMAGENET:
            raise RefineMaskError(
                f"--backbone-weights {source}: a file is for ResNet backbones; the small presets "
                f"take {IMAGENET}, which is in an installed package, or {NONE}"
            )
        model.backbone.load_imagenet_weights()
        return
    weights = _download(model) if source == IMAGENET else _read(Path(source))
    _load(model, source, weights)


def _download(model: Detector) -> dict[str, Tensor]:
    from torchvision.models import get_model_weights

    name = model.config.backbone
    published = get_model_weights(name)["IMAGENET1K_V1"]
    try:
        return published.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:  # no network, a damaged cache
        raise RefineMaskError(
            f"the ImageNet weights of {name} could not be downloaded from {published.url} "
            f"({error}); fetch that file and give it with --backbone-weights FILE, or start from "
            "a checkpoint with --init"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    """Read a state dict; nothing in the file is executed."""
    if not path.is_file():
        raise RefineMaskError(
            f"--backbone-weights {path}: the file does not exist; "
            f"give {IMAGENET}, {NONE} or a file of a torchvision ResNet (.pth or .safetensors)"
        )
    try:
        content = read_tensors(path)[0] if is_safetensors(path) else read_pickle(path)
        return find_state_dict(path, content).tensors
    except RefineMaskError as error:
        raise RefineMaskError(f"--backbone-weights {error}") from error


def _load(model: Detector, source: str, weights: dict[str, Tensor]) -> None:
    """Load a torchvision state dict without its classifier."""
    wanted = model.backbone.state_dict()
    found = {k: v for k, v in weights.items() if not k.startswith("fc.")}
    # Files from before PyTorch 0.4 do not count batches; nor does a norm that never updates.
    counters = {k for k in wanted if k.endswith("num_batches_tracked")}
    problems = {
        "missing": wanted.keys() - found.keys() - counters,
        "unexpected": found.keys() - wanted.keys(),
        "wrongly shaped": {
            k for k in wanted.keys() & found.keys() if wanted[k].shape != found[k].shape
        },
    }
    differences = "; ".join(f"{kind}: {listed(sorted(n))}" for kind, n in problems.items() if n)
    if differences:
        raise RefineMaskError(
            f"--backbone-weights {source} is not the state dict of a torchvision "
            f"{model.config.backbone}: {differences}"
        )
    weights = {name: tensor.to(wanted[name].dtype) for name, tensor in found.items()}
    check_finite(f"--backbone-weights {source}", weights)
    model.backbone.load_state_dict(wanted | weights)
