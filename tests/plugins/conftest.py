"""The tests of this folder run in every host of our operators."""

import pytest

from tests.plugins import operators
from tests.plugins.hosts import HOSTS


@pytest.fixture(scope="module", autouse=True, params=HOSTS)
def host(request):
    operators.use(request.param)
    operators.host().library()
    yield
    operators.use("onnxruntime")
