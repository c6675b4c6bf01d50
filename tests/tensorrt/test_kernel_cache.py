"""Compiled kernels, which are kept in files; the files are real, the kernels are simulated."""

import dataclasses
import gc

import numpy as np
import pytest

from refinemask.engines.tensorrt.kernel_cache import kernels_path, write_checked
from tests.tensorrt.simulation import Simulation, images

pytestmark = pytest.mark.tensorrt


def compiled(simulation: Simulation, *sizes: tuple[int, int]) -> int:
    """Open an engine, run it on images of some sizes, and return how often it compiled kernels."""
    engine = simulation.open()
    for size in sizes:
        engine.run(images(1, size=size), np.array([size]))
    context = simulation.trt.contexts[-1]
    del engine
    gc.collect()
    return context.compiled


def test_kernels_are_compiled_once(fused, caplog):
    assert compiled(fused, (64, 96), (64, 96), (96, 64)) == 2
    (file,) = (fused.cache / "kernels").iterdir()
    written = file.stat().st_mtime_ns
    assert compiled(fused, (64, 96), (96, 64)) == 0
    assert file.stat().st_mtime_ns == written
    assert compiled(fused, (96, 96)) == 1
    assert compiled(fused, (64, 96), (96, 64), (96, 96)) == 0
    assert not caplog.records


def test_kernels_in_a_damaged_file(fused, caplog):
    compiled(fused, (64, 96))
    (file,) = (fused.cache / "kernels").iterdir()
    for content, message in (
        (file.read_bytes()[:-1], "is damaged; compiling again"),
        (b"", "is damaged; compiling again"),
        (None, "does not fit this GPU and driver; compiling again"),
    ):
        if content is None:
            write_checked(file, b"kernels of another GPU")
        else:
            file.write_bytes(content)
        caplog.clear()
        assert compiled(fused, (64, 96)) == 1
        assert message in caplog.text
        assert compiled(fused, (64, 96)) == 0


def test_kernels_that_cannot_be_kept(fused, caplog):
    fused.cache.write_bytes(b"a file where the folder should be")
    assert compiled(fused, (64, 96)) == 1
    assert "the compiled kernels are not kept in" in caplog.text


def test_kernels_of_another_gpu_or_driver(fused, monkeypatch):
    path = kernels_path(fused.record, 0)
    assert path == kernels_path(fused.record, 0)
    other = dataclasses.replace(fused.record, engine_sha256="1" * 64)
    monkeypatch.setattr(fused.cuda, "cudaDriverGetVersion", lambda: (0, 13010))
    assert len({path, kernels_path(fused.record, 0), kernels_path(other, 0)}) == 3
