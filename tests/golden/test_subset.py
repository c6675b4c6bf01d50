"""The subset of the golden vectors: what it holds, and that the tests need nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests import golden
from tests.golden.image import make_image
from tests.golden.make_subset import make_subset

TESTS = Path(__file__).parents[1]
NEEDS_VECTORS = (
    "checkpoints/test_mmdetection.py",
    "models/test_golden_mask_head.py",
    "ops/test_boundary_refine.py",
    "training/test_mask_losses.py",
    "training/test_mask_targets.py",
)


def files(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def test_it_is_made_from_all_vectors(shared, tmp_path):
    make_subset(shared / "golden", tmp_path)
    assert files(tmp_path) == files(golden.SUBSET)
    for path in files(tmp_path):
        if path.suffix == ".json":
            assert (golden.SUBSET / path).read_text() == (tmp_path / path).read_text()
            continue
        found, expected = golden.tensors(golden.SUBSET / path), golden.tensors(tmp_path / path)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in found)


def test_it_is_small():
    assert sum((golden.SUBSET / path).stat().st_size for path in files(golden.SUBSET)) <= 2_000_000


def test_a_sample_is_compared_with_the_same_values():
    whole = torch.arange(30.0).reshape(5, 6)
    sample = golden.Vectors({"out[::7]": whole.flatten()[::7]})
    sample.assert_close("out", whole, atol=0)
    wrong = whole.clone()
    wrong[2, 2] += 1  # the 14th value
    with pytest.raises(AssertionError):
        sample.assert_close("out", wrong, atol=0.5)


def test_the_image_is_that_of_the_vectors(vectors):
    shared = golden.tensors(vectors / "detector" / "shared.npz")
    shared.assert_close("img", make_image(4), atol=1e-6)


def test_fidelity_is_tested_without_the_other_vectors(tmp_path):
    """As in a checkout alone: those of these tests that need more skip, none fails."""
    environment = os.environ | {"REFINEMASK_SHARED": str(tmp_path / "none"), "CI": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [str(TESTS / name) for name in NEEDS_VECTORS]
    done = subprocess.run(command, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("is not in the subset" in line for line in skipped), skipped
