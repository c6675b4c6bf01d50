"""Peak memory is that of the target's own process."""

from pathlib import Path

import pytest

from refinemask.benchmarks.latency.peak_memory import peak_memory
from refinemask.benchmarks.latency.targets import Target, parse_target
from refinemask.errors import RefineMaskError


def test_it_is_not_the_memory_of_the_parent(artifacts: list[str], photographs: list[Path]) -> None:
    ballast = b"x" * (1 << 30)
    peak = peak_memory(parse_target(artifacts[0], "onnxruntime"), photographs, threads=1)
    assert 20 << 20 < peak < 500 << 20 < len(ballast)


def test_a_failure_of_the_process_is_an_error(photographs: list[Path], tmp_path: Path) -> None:
    target = Target(str(tmp_path / "missing.onnx"), "onnxruntime")
    with pytest.raises(RefineMaskError, match=r"memory of .* failed: .*missing\.onnx does not"):
        peak_memory(target, photographs)
