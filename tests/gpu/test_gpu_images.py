"""The C interface with images in memory of a GPU: the results of the same pixels on the host."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from refinemask.configs.presets import refinemask_small
from refinemask.engines.tensorrt.engine_file import build_artifact
from refinemask.engines.tensorrt.flavours import FLAVOURS
from refinemask.engines.tensorrt.options import BuildOptions
from refinemask.inference import native
from tests.engines.c_library import FORMATS, MEMORY, Failure, Image, Library, array, view
from tests.export.small import calibrated, photo
from tests.gpu.runner import RTX_CAPABILITIES
from tests.plugins.hosts import cuda_provider
from tests.tensorrt.artifacts import write_artifact

pytestmark = pytest.mark.gpu
ORDERS = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "rgba": [0, 1, 2, 0], "bgra": [2, 1, 0, 0]}


@pytest.fixture(scope="module")
def model(gpu):
    native.require("runtime", "this test")
    if not (native.folder() / "librefinemask_cuda.so").is_file():
        pytest.skip(f"librefinemask_cuda.so is not built; {native.BUILD}")
    return calibrated(refinemask_small())


@pytest.fixture(params=["onnxruntime", *FLAVOURS])
def opened(request, model, tmp_path):
    """Return the library, and an engine on the GPU of each runtime that is installed."""
    name = request.param
    form = "portable" if name == "onnxruntime" else "static"  # neither needs our operators
    path = tmp_path / "model.onnx"
    artifact = write_artifact(model, form, path)
    if name == "onnxruntime" and not cuda_provider():
        pytest.skip("this ONNX Runtime has no CUDA provider")
    if name != "onnxruntime":
        flavour = FLAVOURS[name]
        if find_spec(flavour.module) is None:
            pytest.skip(f"{flavour.title} is not installed")
        if flavour.portable and torch.cuda.get_device_capability() not in RTX_CAPABILITIES:
            pytest.skip(f"{flavour.title} does not run on {torch.cuda.get_device_name()}")
        path = tmp_path / "model.engine"
        build_artifact(artifact, path, BuildOptions(name))
    library = Library()
    with library.opened(path, runtime=name, device="cuda") as engine:
        yield library, engine


@pytest.mark.parametrize("pixel_format", ORDERS)
def test_the_results_of_the_same_pixels_on_the_host(opened, pixel_format):
    library, engine = opened
    wide = np.ascontiguousarray(photo(224, 300, 0)[..., ORDERS[pixel_format]])
    pixels = wide[:, :288]
    on_gpu = torch.from_numpy(wide).cuda()
    torch.cuda.synchronize()
    image = Image(on_gpu.data_ptr(), 288, 224, on_gpu.stride(0), FORMATS[pixel_format])
    with (
        library.predicted(engine, [view(pixels, pixel_format)]) as (expected,),
        library.predicted(engine, [image], image_memory=MEMORY["gpu"]) as (found,),
    ):
        assert found.count == expected.count > 0
        for name, shape in (("boxes", (found.count, 4)), ("scores", (found.count,))):
            got = array(getattr(found, name), shape, np.float32)
            wanted = array(getattr(expected, name), shape, np.float32)
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-4)


def test_pixels_of_the_host_are_refused(opened):
    library, engine = opened
    with (
        pytest.raises(Failure, match="must be in memory of cuda:0, and its first byte is not"),
        library.predicted(engine, [view(photo(64, 64, 0))], image_memory=MEMORY["gpu"]),
    ):
        pass
