import torch
from sklearn.datasets import load_digits

from trickbag.data import DATASETS


def test_digits_are_scikit_learns_images_scaled_to_255():
    ours, theirs = DATASETS["digits"](None), load_digits()
    assert ours.train_images.shape[1:] == (1, 8, 8)
    assert len(ours.train_images) + len(ours.test_images) == 1797
    images = torch.cat([ours.train_images, ours.test_images])[:, 0].double()
    labels = torch.cat([ours.train_labels, ours.test_labels])
    expected = (torch.from_numpy(theirs.images) * 16).clamp(max=255)

    def rows(x, y):
        return sorted(map(tuple, torch.cat([x.flatten(1), y[:, None].double()], 1).tolist()))

    assert rows(images, labels) == rows(expected, torch.from_numpy(theirs.target))
    assert ours.classes == tuple("0123456789")


def test_a_fifth_of_each_digit_is_test_and_the_set_never_changes():
    ours, theirs = DATASETS["digits"](None), load_digits()
    sizes = torch.bincount(torch.from_numpy(theirs.target))
    assert torch.bincount(ours.test_labels).tolist() == [round(0.2 * n) for n in sizes.tolist()]
    # locked: a change of this value is a change of the data set, and of every result on it
    assert ours.digest == "25446175946226bb29076d579c9c4dcec1c91017b6b6aed45c55f2a3a50e4725"
