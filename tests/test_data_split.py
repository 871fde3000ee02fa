import pytest
import torch

from trickbag.data import limit, split
from trickbag.errors import InputError

LABELS = torch.arange(1000) % 10
UNBALANCED = torch.tensor([0] * 500 + [1] * 90 + [2] * 7)


def counts(ids, labels, num_classes):
    return torch.bincount(labels[ids], minlength=num_classes).tolist()


def test_split_is_a_stratified_partition():
    train, validation = split(LABELS, fraction=0.1, seed=0, num_classes=10)
    assert torch.equal(torch.cat([train, validation]).sort().values, torch.arange(1000))
    assert counts(validation, LABELS, 10) == [10] * 10
    assert torch.equal(train, train.sort().values)
    assert torch.equal(validation, validation.sort().values)
    assert train.dtype == validation.dtype == torch.int64


def test_split_of_unbalanced_classes_rounds_and_leaves_one_on_both_sides():
    _, validation = split(UNBALANCED, fraction=0.1, seed=0, num_classes=3)
    assert counts(validation, UNBALANCED, 3) == [50, 9, 1]
    train, validation = split(torch.tensor([0, 0, 1, 1]), fraction=0.01, seed=0, num_classes=2)
    assert len(train) == len(validation) == 2
    train, _ = split(torch.tensor([0, 0, 1, 1]), fraction=0.99, seed=0, num_classes=2)
    assert len(train) == 2


def test_split_depends_on_the_seed_and_on_nothing_else():
    def validation(seed, labels=LABELS):
        return set(split(labels, fraction=0.2, seed=seed, num_classes=10)[1].tolist())

    assert validation(0) == validation(0)
    overlap = len(validation(0) & validation(1))
    assert 15 < overlap < 70  # expected 40 of 200 for independent choices, sd 5.4 (hypergeometric, 5 sd wide)
    fewer = torch.cat([LABELS, torch.full((100,), 3)])  # more images of class 3 leave the other classes alone
    same = {i for i in validation(0) if i % 10 != 3}
    assert {i for i in validation(0, fewer) if LABELS[i % 1000] != 3 and i < 1000} == same


def test_every_image_is_equally_likely_to_validate():
    hits = torch.zeros(100)
    for seed in range(400):
        hits[split(torch.arange(100) % 2, fraction=0.2, seed=seed, num_classes=2)[1]] += 1
    assert hits.min() > 80 - 5 * 8  # binomial(400, 0.2): mean 80, sd 8
    assert hits.max() < 80 + 5 * 8


def test_too_few_images_for_a_class_names_the_class_and_its_count():
    with pytest.raises(InputError, match="too few images for a class: class 2 has 1"):
        split(torch.tensor([0, 0, 1, 1, 2]), fraction=0.1, seed=0, num_classes=3)
    with pytest.raises(InputError, match="class 'cat' has 0"):
        split(torch.tensor([0, 0]), fraction=0.1, seed=0, num_classes=2, classes=("dog", "cat"))
    with pytest.raises(InputError, match=r"fraction 1.0 is not between 0 and 1"):
        split(LABELS, fraction=1.0, seed=0, num_classes=10)


def test_limit_is_stratified_and_nested():
    train, _ = split(UNBALANCED, fraction=0.1, seed=0, num_classes=3)
    before: set[int] = set()
    for count in range(3, len(train) + 1):
        ids = limit(train, UNBALANCED, count, seed=0)
        now = set(ids.tolist())
        assert len(now) == count
        assert before < now <= set(train.tolist())
        share = torch.tensor(counts(ids, UNBALANCED, 3)) - count * torch.tensor([450, 81, 6]) / 537
        assert share.abs().max() <= 2  # at most one seat per other class beyond the exact share
        before = now
    assert counts(limit(train, UNBALANCED, 3, seed=0), UNBALANCED, 3) == [1, 1, 1]
    assert torch.equal(limit(train, UNBALANCED, len(train), seed=1), train)
    assert not torch.equal(limit(train, UNBALANCED, 100, seed=1), limit(train, UNBALANCED, 100, seed=0))


@pytest.mark.parametrize("count", [0, 9, 1001])
def test_a_limit_without_one_image_per_class_or_beyond_the_images_is_refused(count):
    with pytest.raises(InputError, match=f"a limit of {count} .* there are 1000 of 10 classes"):
        limit(torch.arange(1000), LABELS, count, seed=0)
