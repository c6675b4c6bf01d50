"""What these tests need: an NVIDIA GPU, and PyTorch that sees it. Elsewhere they skip."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def gpu() -> str:
    """Return the name of the GPU."""
    if not torch.cuda.is_available():
        pytest.skip(
            f"no NVIDIA GPU that PyTorch {torch.__version__} can use; nvidia-smi shows whether the "
            "driver sees one"
        )
    return torch.cuda.get_device_name()
