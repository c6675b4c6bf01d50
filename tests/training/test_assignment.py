"""Matching and sampling by hand (numerics 12)."""

import torch

from refinemask.training.assignment import IGNORED, NEGATIVE, assign, random_choice, sample

TARGET = torch.tensor([[0.0, 0.0, 10.0, 10.0]])


def rows(*boxes):
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)


def first(indices, count):
    return indices[:count]


def test_thresholds():
    boxes = rows((0, 0, 10, 10), (0, 0, 10, 7), (0, 0, 10, 6), (0, 0, 10, 3), (0, 0, 10, 2.9))
    found = assign(boxes, TARGET, 0.7, 0.3, 0.3)
    assert found.tolist() == [0, 0, IGNORED, IGNORED, NEGATIVE]


def test_a_box_takes_its_best_target():
    targets = rows((0, 0, 10, 10), (0, 4, 10, 14))
    boxes = rows((0, 0, 10, 10), (0, 1, 10, 11), (0, 3.5, 10, 13.5), (0, 4, 10, 14))
    assert assign(boxes, targets, 0.5, 0.5, 0.5).tolist() == [0, 0, 1, 1]


def test_a_target_without_a_good_box_gets_its_best_ones():
    boxes = rows((0, 0, 10, 4), (0, 6, 10, 10), (0, 0, 10, 3.5))
    assert assign(boxes, TARGET, 0.7, 0.3, 0.3).tolist() == [0, 0, IGNORED]
    assert assign(boxes, TARGET, 0.7, 0.3, 0.41).tolist() == [IGNORED] * 3


def test_the_best_box_of_a_target_is_taken_from_a_better_one():
    targets = rows((0, 0, 10, 10), (0, 6, 10, 16))  # the second overlaps the box by a quarter
    assert assign(rows((0, 0, 10, 10)), targets, 0.7, 0.3, 0.2).tolist() == [1]
    assert assign(rows((0, 0, 10, 10)), targets, 0.7, 0.3, 0.3).tolist() == [0]


def test_nothing_to_match():
    assert assign(rows((0, 0, 10, 10)), rows(), 0.7, 0.3, 0.3).tolist() == [NEGATIVE]
    assert assign(rows(), TARGET, 0.7, 0.3, 0.3).shape == (0,)
    assert assign(rows((50, 50, 60, 60)), TARGET, 0.7, 0.3, 0.3).tolist() == [NEGATIVE]


def test_negatives_fill_up_what_positives_leave():
    assigned = torch.tensor([0, NEGATIVE, IGNORED, 1, NEGATIVE, 0, NEGATIVE, NEGATIVE])
    positives, negatives = sample(assigned, 4, 0.5, first)
    assert (positives.tolist(), negatives.tolist()) == ([0, 3], [1, 4])
    positives, negatives = sample(assigned, 6, 0.5, first)
    assert (positives.tolist(), negatives.tolist()) == ([0, 3, 5], [1, 4, 6])
    positives, negatives = sample(assigned, 100, 0.5, first)
    assert (positives.tolist(), negatives.tolist()) == ([0, 3, 5], [1, 4, 6, 7])


def test_sampling_without_positives_or_negatives():
    positives, negatives = sample(torch.full((5,), NEGATIVE), 2, 0.25, first)
    assert (positives.tolist(), negatives.tolist()) == ([], [0, 1])
    positives, negatives = sample(torch.zeros(5, dtype=torch.int64), 4, 0.25, first)
    assert (positives.tolist(), negatives.tolist()) == ([0], [])


def test_random_choice_is_sorted_distinct_and_repeatable():
    indices = torch.arange(100, 200)
    choices = [
        random_choice(torch.Generator().manual_seed(seed))(indices, 30) for seed in (0, 0, 1)
    ]
    assert torch.equal(choices[0], choices[1])
    assert not torch.equal(choices[0], choices[2])
    assert len(choices[0]) == 30 and (choices[0].diff() > 0).all()
    assert set(choices[0].tolist()) <= set(indices.tolist())
    assert torch.equal(random_choice(torch.Generator())(indices, 100), indices)
    assert random_choice(torch.Generator())(indices, 0).shape == (0,)
