"""The stream of batches: order, padding, and that item i is a function of the seed and i."""

import collections

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from refinemask.data.batches import Batches
from refinemask.data.dataset import Sample
from refinemask.data.shapes.dataset import ShapesDataset
from refinemask.data.transforms import TrainTransform
from refinemask.errors import RefineMaskError


class Numbers:
    """A dataset whose images are filled with their ids."""

    def __init__(self, first, count, size=(40, 50)):
        self.first, self.count, self.size = first, count, size

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        image = np.full((*self.size, 3), self.first + index, np.uint8)
        empty = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        return Sample(image, self.first + index, *empty, ())


def keep(sample, generator):
    return sample


def drawn(batches, count):
    return [batches[i].images[:, 0, 0, 0].tolist() for i in range(count)]


def test_datasets_take_turns_and_are_shuffled_when_exhausted():
    batches = Batches([Numbers(100, 6), Numbers(200, 3)], 2, 0, keep)
    assert batches.iterations_per_epoch == 5
    pairs = drawn(batches, 12)
    assert all(100 <= a < 200 <= b for a, b in pairs)
    first = [a for a, _ in pairs]
    assert collections.Counter(first[:6]) == collections.Counter(first[6:])
    assert first[:6] != first[6:]
    assert all(len({b for _, b in pairs[k : k + 3]}) == 3 for k in range(0, 12, 3))


def test_seed_decides():
    one, again, other = (Batches([Numbers(0, 50)], 8, seed, keep) for seed in (1, 1, 2))
    assert drawn(one, 4) == drawn(again, 4) != drawn(other, 4)


def test_sources_of_a_batch():
    batches = Batches([Numbers(0, 6), Numbers(100, 3)], 3, 5, keep)
    for index in range(5):
        sources = batches.sources(index)
        assert [100 * which + image for which, image in sources] == drawn_one(batches, index)


def drawn_one(batches, index):
    return batches[index].images[:, 0, 0, 0].tolist()


def test_padding_to_a_multiple_of_32():
    batch = Batches([Numbers(1, 1, (40, 50)), Numbers(2, 1, (65, 20))], 2, 0, keep)[0]
    assert batch.images.shape == (2, 96, 64, 3)
    assert batch.images.dtype == torch.uint8
    assert batch.image_sizes.tolist() == [[40, 50], [65, 20]]
    assert [target.size for target in batch.targets] == [(40, 50), (65, 20)]
    assert int(batch.images[0].sum()) == 40 * 50 * 3
    assert int(batch.images[1, :65, :20].sum()) == int(batch.images[1].sum()) == 65 * 20 * 3 * 2


def test_fixed_canvas():
    assert Batches([Numbers(1, 1)], 1, 0, keep, (64, 128))[3].images.shape == (1, 64, 128, 3)
    with pytest.raises(RefineMaskError, match=r"\(40, 50\).*\(32, 64\)"):
        Batches([Numbers(1, 1)], 1, 0, keep, (32, 64))[0]


def test_workers_give_the_same_batches_from_any_iteration():
    dataset = ShapesDataset(4, 0, (96, 128))
    batches = Batches([dataset], 2, 3, TrainTransform((64, 96), 128, color_jitter=True))
    reference = {index: batches[index] for index in (7, 6, 5)}
    loader = DataLoader(batches, batch_size=None, sampler=range(5, 8), num_workers=1)
    for index, batch in zip(range(5, 8), loader, strict=True):
        expected = reference[index]
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.image_sizes, expected.image_sizes)
        for target, wanted in zip(batch.targets, expected.targets, strict=True):
            assert torch.equal(target.boxes, wanted.boxes)
            assert torch.equal(target.labels, wanted.labels)
            assert target.size == wanted.size
            for mask, other in zip(target.masks, wanted.masks, strict=True):
                np.testing.assert_array_equal(
                    mask.to_bitmap(*target.size), other.to_bitmap(*target.size)
                )


def test_augmentation_differs_between_visits():
    dataset = ShapesDataset(1, 0, (96, 128))
    batches = Batches([dataset], 1, 3, TrainTransform((64, 80, 96), 128, color_jitter=True))
    assert len({batches[i].images.float().mean().item() for i in range(6)}) > 3


@pytest.mark.parametrize(
    "arguments",
    [
        ([], 1, 0, keep),
        ([Numbers(0, 0)], 1, 0, keep),
        ([Numbers(0, 1)], 0, 0, keep),
        ([Numbers(0, 1)], 1, -1, keep),
        ([Numbers(0, 1)], 1, 0, keep, (33, 64)),
    ],
)
def test_bad_options(arguments):
    with pytest.raises(RefineMaskError):
        Batches(*arguments)


def test_processes_share_each_batch():
    whole = Batches([Numbers(0, 50)], 6, 1, keep)
    parts = [whole.share(rank, 3) for rank in range(3)]
    for index in (0, 7):
        expected = whole[index].images[:, 0, 0, 0].tolist()
        assert [n for part in parts for n in drawn_at(part, index)] == expected
        alone = [torch.rand(2, generator=g).tolist() for g in whole.choice_generators(index)]
        shared = [
            torch.rand(2, generator=g).tolist()
            for part in parts
            for g in part.choice_generators(index)
        ]
        assert shared == alone
        assert len({tuple(numbers) for numbers in alone}) == 6
    assert parts[0].iterations_per_epoch == whole.iterations_per_epoch == 9
    with pytest.raises(RefineMaskError, match=r"--batch-size .* must be a multiple of 4"):
        whole.share(0, 4)


def drawn_at(batches, index):
    return batches[index].images[:, 0, 0, 0].tolist()


def test_repeats_lengthen_an_epoch():
    repeats = [np.array([2.0, 1.0, 1.0]), np.array([1.5, 1.2])]
    batches = Batches([Numbers(100, 3), Numbers(200, 2)], 2, 0, keep, repeats=repeats)
    assert batches.iterations_per_epoch == 4  # 6.7 images
    first = [a for a, _ in drawn(batches, 4)]
    assert sorted(first) == [100, 100, 101, 102]
