import math

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from trickbag.data import ImageSet, MemoryStore, centre_crop, channel_statistics
from trickbag.data.sample.geometry import Flip, PadCrop
from trickbag.errors import InputError
from trickbag.rng import Streams, images_of, numbered

RANDOM = np.random.default_rng(0)
IMAGES = torch.from_numpy(RANDOM.integers(0, 256, (70, 3, 12, 10), dtype=np.uint8))
LABELS = torch.from_numpy(RANDOM.integers(0, 5, 70))
IDS = torch.from_numpy(RANDOM.permutation(70)[:50])


def image_set(images=IMAGES, labels=LABELS):
    pair = images.numpy(), labels.numpy()
    return ImageSet.of(pair, pair, tuple("abcde"))


def store(images=IMAGES, ids=IDS, **options):
    return MemoryStore.build(images, LABELS, channel_statistics(image_set(images), ids), **options)


def test_statistics_are_numpys_over_the_given_ids_only(monkeypatch):
    monkeypatch.setattr("trickbag.data.stores.statistics._CHUNK_BYTES", 3000)  # several chunks
    chosen = IMAGES[IDS].numpy().astype(np.float64)
    mean, sd = channel_statistics(image_set(), IDS)
    np.testing.assert_allclose(mean, chosen.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(sd, chosen.std((0, 2, 3)), rtol=1e-12)
    shuffled = channel_statistics(image_set(), IDS.flip(0))
    assert torch.equal(shuffled[0], mean)
    assert torch.equal(shuffled[1], sd)


def test_constant_images_cannot_be_normalised():
    constant = image_set(torch.full((4, 1, 3, 3), 7, dtype=torch.uint8), torch.arange(4))
    with pytest.raises(InputError, match="constant"):
        channel_statistics(constant, torch.arange(4))


def test_batch_is_the_images_and_labels_of_the_ids_in_their_order():
    x, y = store().batch(IDS[:7])
    assert x.dtype == torch.uint8
    assert torch.equal(x, IMAGES[IDS[:7]])
    assert torch.equal(y, LABELS[IDS[:7]])


@pytest.mark.parametrize("batch_size", [1, 7, 50, 64])
def test_evaluation_gives_every_image_once_in_order(batch_size):
    batches = list(store().evaluation_batches(IDS, batch_size))
    assert {len(y) for _, y in batches[:-1]} <= {batch_size}
    assert len(batches) == math.ceil(50 / batch_size)
    assert torch.equal(torch.cat([x for x, _ in batches]), IMAGES[IDS])
    assert torch.equal(torch.cat([y for _, y in batches]), LABELS[IDS])


@pytest.mark.parametrize("size", [1, 5, 8, 9, 10])
def test_evaluation_cuts_the_centre_as_torchvision_does(size):
    ((x, _),) = store(crop=size).evaluation_batches(IDS, 50)
    assert torch.equal(x, reference.center_crop(IMAGES[IDS], [size, size]))
    assert torch.equal(centre_crop(IMAGES, size), reference.center_crop(IMAGES, [size, size]))


def test_a_crop_larger_than_the_images_is_refused():
    with pytest.raises(InputError, match="crop 11 does not fit into the images, which are 12×10"):
        store(crop=11)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_normalise_is_torchvisions_and_leaves_its_input_alone(channels_last, dtype):
    built = store(channels_last=channels_last)
    x = IMAGES.to(dtype)
    z = built.normalise(x)
    expected = reference.normalize(IMAGES.float(), built.mean.flatten().tolist(), built.sd.flatten().tolist())
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-6)
    assert z.dtype == torch.float32
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert z.is_contiguous(memory_format=layout)
    assert torch.equal(x, IMAGES.to(dtype))
    whole = built.normalise(IMAGES[IDS])
    torch.testing.assert_close(whole.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.var((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


def by_torchvision(image, pad_crop, corner, flipped):
    """One image padded, cut out at (top, left), mirrored: with torchvision's functions alone."""
    padded = reference.pad(image, [pad_crop.padding] * 4, padding_mode=pad_crop.mode)
    cut = reference.crop(padded, *corner, *image.shape[1:])
    return reference.horizontal_flip(cut) if flipped else cut


@pytest.mark.parametrize("shape", [(40, 3, 12, 10), (40, 1, 8, 8), (40, 3, 5, 13)])
@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize("padding", [1, 2, 4])
@pytest.mark.parametrize("flip", [Flip(0.0), Flip(0.5), Flip(1.0), Flip(0.5, alternating=True)])
def test_cropped_and_flipped_batches_are_torchvisions_image_by_image(shape, mode, padding, flip):
    """Also of images that come twice, each time with draws of their own, and in later epochs."""
    images = torch.from_numpy(RANDOM.integers(0, 256, shape, dtype=np.uint8))
    ids, pad_crop, streams = numbered(torch.arange(40).repeat(2)), PadCrop(padding, mode), Streams(3)
    built, left = store(images, ids=torch.arange(40)).taking([pad_crop, flip], streams)
    steps = [(epoch, chunk) for epoch in (0, 1) for chunk in ids.split(32)]
    for (epoch, chunk), (x, y) in zip(steps, built.batches(steps), strict=True):
        draws = streams.images(epoch, chunk)
        for operation in left:
            x = operation(x, draws)
        corners = draws.integers("pad_crop", 2 * padding + 1, 2).tolist()
        turned = (
            draws.at_epoch(0).uniform("flip") < flip.p if flip.alternating else draws.uniform("flip") < flip.p
        )
        turned ^= flip.alternating and epoch == 1
        rows = images_of(chunk)
        expected = map(by_torchvision, images[rows], [pad_crop] * len(rows), corners, turned[:, 0].tolist())
        assert torch.equal(x, torch.stack(list(expected)))
        assert torch.equal(y, LABELS[rows])
        assert x.is_contiguous()


def test_batches_of_mapped_images_are_those_of_images_in_memory(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES.numpy())
    mapped = torch.from_numpy(np.load(tmp_path / "images.npy", mmap_mode="c"))
    for one, other in zip(store(mapped).batches([(0, IDS)]), store().batches([(0, IDS)]), strict=True):
        assert torch.equal(one[0], other[0])
    assert torch.equal(mapped, IMAGES)
