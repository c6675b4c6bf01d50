"""The device that `--device` names."""

import re

from refinemask.errors import RefineMaskError, WrongUsage


def engine_device(device: str) -> str:
    """Return the device for an engine; auto is the CPU, as not every runtime supports GPUs.

    Raises:
        WrongUsage: it is not auto, cpu, cuda:N, gpu:N or npu:N.
    """
    if not re.fullmatch(r"auto|cpu|(cuda|gpu|npu)(:\d+)?", device):
        raise WrongUsage(
            "--device must be auto, cpu or cuda:N, or for a plugin provider of ONNX Runtime gpu:N "
            f"or npu:N, got {device!r}"
        )
    return "cpu" if device == "auto" else device


def torch_device(device: str) -> str:
    """Return the device for PyTorch, after checking that it is available.

    Raises:
        WrongUsage: it is not auto, cpu, cuda or cuda:N.
        RefineMaskError: PyTorch does not see that GPU.
    """
    if engine_device(device) == device == "cpu":
        return device
    if device.startswith(("gpu", "npu")):
        raise WrongUsage(f"--device must be auto, cpu or cuda:N for PyTorch, got {device!r}")
    import torch

    count = torch.cuda.device_count()
    if device == "auto":
        return "cuda:0" if count else "cpu"
    if int(device.partition(":")[2] or 0) >= count:
        raise RefineMaskError(
            f"--device {device} is not available: PyTorch sees {count} GPUs; "
            "use --device cpu or auto"
        )
    return device
