"""The compiled operators as PyTorch's: gradients, compilers, and one copy in a process."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from refinemask.checkpoints import load_model
from refinemask.ops import compiled
from refinemask.ops.multiscale_roi_align import multiscale_roi_align
from tests.plugins.torch_host import TORCH_HOSTS

STRIDES = [4, 8]


@pytest.fixture(scope="module")
def operators():
    TORCH_HOSTS[0].library()
    return compiled.operators()


def pyramid(dtype=torch.float32, requires_grad=False):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, 3, 32 >> level, 40 >> level, generator=generator)
        .to(dtype)
        .requires_grad_(requires_grad)
        for level in range(2)
    ]


def rois():
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand(9, 2, generator=generator) * 60
    size = torch.rand(9, 2, generator=generator) * 150
    image = torch.randint(0, 2, (9, 1), generator=generator)
    return torch.cat((image, corner, corner + size), 1)


def arguments():
    generator = torch.Generator().manual_seed(2)
    corner = torch.rand(2, 30, 3, 2, generator=generator) * 50
    boxes = torch.cat((corner, corner + 20), -1)
    scores = torch.rand(2, 30, 3, generator=generator)
    coarse = torch.randn(4, 1, 14, 14, generator=generator)
    fine = torch.randn(4, 1, 28, 28, generator=generator)
    masks, places = torch.rand(3, 28, 28, generator=generator), boxes[0, :3, 0]
    features = pyramid(requires_grad=True)
    return {
        "batched_nms": (boxes, scores, 0.5, 0.05, 10, -1, 0),
        "boundary_refine": (coarse, fine, 1),
        "multiscale_roi_align": (rois(), features, 7, STRIDES, 0, 56.0, 1, 0),
        "paste_masks": (masks, places, [60, 80], 0.5),
        "nonzero_places": ((masks > 0.9).float(),),
        "gather_tiles": (features[0].detach(), torch.tensor([[1, 2, 0], [0, 3, 2]]), 8, 16, 1),
        "scatter_tiles": (
            torch.randn(1, 2, 8, 16, generator=generator),
            torch.tensor([[1, 2, 0]]),
            pyramid()[0],
        ),
        "conv_at_places": (
            features[0].detach(),
            torch.tensor([[1, 2, 0], [0, 31, 39]]),
            torch.randn(5, 3, 3, 3, generator=generator),
            torch.zeros(5),
            2,
        ),
    }


@pytest.mark.parametrize("name", arguments())
def test_schema_shapes_and_gradients_hold(operators, name):
    torch.library.opcheck(getattr(operators, name), arguments()[name])


@pytest.mark.parametrize("name", arguments())
@pytest.mark.parametrize("dynamic", [False, True])
def test_compiled_programs_call_them(operators, name, dynamic):
    operator = getattr(operators, name)
    torch._dynamo.reset()  # which compiles one function only so many times
    program = torch.compile(operator, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    torch.testing.assert_close(program(*arguments()[name]), operator(*arguments()[name]))


@pytest.mark.parametrize("name", arguments())
def test_exported_programs_call_them(operators, name):
    operator, given = getattr(operators, name), arguments()[name]

    class Program(torch.nn.Module):
        def forward(self, *inputs):
            return operator(*inputs)

    exported = torch.export.export(Program(), given)
    torch.testing.assert_close(exported.module()(*given), operator(*given))


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("sampling_ratio", [0, 2])
def test_gradients_are_those_of_the_reference(operators, aligned, sampling_ratio):
    results = []
    for use in (False, True):
        features = pyramid(requires_grad=True)
        if use:
            with compiled.compiled_operators():
                pooled = multiscale_roi_align(rois(), features, 7, STRIDES, sampling_ratio, aligned)
        else:
            pooled = multiscale_roi_align(rois(), features, 7, STRIDES, sampling_ratio, aligned)
        (pooled * torch.linspace(-1, 1, pooled.numel()).view_as(pooled)).sum().backward()
        results.append([pooled.detach(), *(feature.grad for feature in features)])
    torch.testing.assert_close(results[1], results[0], atol=1e-5, rtol=1e-5)


def test_other_types_and_devices_keep_the_reference():
    with compiled.compiled_operators():
        assert compiled.chosen(torch.zeros(1, dtype=torch.float64)) is None
        assert compiled.chosen(torch.zeros(1, device="meta")) is None
    assert compiled.chosen(torch.zeros(1)) is None


def test_predictions_use_them_and_the_reference_does_not(operators, monkeypatch):
    used = []

    class Watched:
        def __getattr__(self, name):
            used.append(name)
            return getattr(operators, name)

    monkeypatch.setattr(compiled, "operators", Watched)
    model = load_model("refinemask_small")
    images, sizes = np.full((1, 64, 64, 3), 90, np.uint8), np.array([[64, 64]])
    model.run(images, sizes)
    assert {"batched_nms", "multiscale_roi_align", "boundary_refine"} <= set(used)
    used.clear()
    with torch.inference_mode():
        model.detect(torch.from_numpy(images), torch.from_numpy(sizes))
    assert not used


def run_elsewhere(code, **variables):
    """Run code in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *variables.values()], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_copy_is_refused(operators, tmp_path):
    copy = tmp_path / "librefinemask_torch.so"
    shutil.copy(TORCH_HOSTS[0].library(), copy)
    code = (
        "import ctypes, sys, torch\n"
        "from refinemask.errors import RefineMaskError\n"
        "from refinemask.ops import compiled\n"
        "first = ctypes.CDLL(sys.argv[1]).refinemask_torch_register\n"
        "assert first() == 0\n"
        "try:\n"
        "    compiled.operators()\n"
        "except RefineMaskError as error:\n"
        "    print(error)\n"
    )
    said = run_elsewhere(code, library=str(copy))
    assert "refuses the operators of" in said and len(said.splitlines()) == 1


def test_a_library_of_another_version_is_refused(operators):
    code = (
        "import refinemask.inference.native as native\n"
        "native.__version__ = '9.9'\n"
        "from refinemask.errors import RefineMaskError\n"
        "from refinemask.ops import compiled\n"
        "try:\n"
        "    compiled.operators()\n"
        "except RefineMaskError as error:\n"
        "    print(error)\n"
    )
    assert "was built for refinemask" in run_elsewhere(code)
