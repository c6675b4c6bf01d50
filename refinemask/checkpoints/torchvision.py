from collections.abc import Collection

from torch import Tensor

from refinemask.config import ModelConfig


def is_torchvision(names: Collection[str]) -> bool:
    return False


def convert(tensors: dict[str, Tensor]) -> tuple[ModelConfig, dict[str, Tensor]]:
    raise NotImplementedError
