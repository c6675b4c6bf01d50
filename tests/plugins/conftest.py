"""The tests of this folder run in every host of our operators."""

import pytest

from tests.plugins import operators
from tests.plugins.hosts import HOSTS, cuda_provider
from tests.plugins.torch_host import TORCH_HOSTS


@pytest.fixture(
    scope="module", autouse=True, params=[*HOSTS.values(), *TORCH_HOSTS, *cuda_provider()], ids=str
)
def host(request):
    operators.use(request.param)
    operators.host().library()
    yield
    operators.use(HOSTS["onnxruntime"])
