"""The stream of decoded images: the reference's pixels and draws, whatever the threads, and no thread left."""

import gc
import itertools
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop as Reference
from torchvision.transforms import functional as reference

from trickbag.data import ImageSet, MemoryStore, StreamStore, channel_statistics
from trickbag.data.decoding.resize import write_mirrored, write_resized
from trickbag.data.encoded import Files, Labelled, Names, Source, no_images
from trickbag.data.index import survey
from trickbag.data.sample import Flip, RandomResizedCrop
from trickbag.data.sample.colour import ColourJitter
from trickbag.data.sample.resized_crop import random_boxes
from trickbag.data.stores.loading import AHEAD, BLOCK, Job, loaded
from trickbag.data.view import GREY, View
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply
from trickbag.rng import Streams, numbered
from trickbag.train import Watch, build_session, resolve, train

RANDOM = np.random.default_rng(0)
CPU = torch.device("cpu")
PLAIN = (torch.zeros(3), torch.ones(3))
SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


def photo(width=40, height=30):
    """A smooth random picture."""
    small = Image.fromarray(RANDOM.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def opened(paths, view, labels=None):
    """The data set of some files."""
    labels = np.arange(len(paths)) if labels is None else np.array(labels)
    part = Labelled(Files(Path("/"), Names.of([str(path)[1:] for path in paths])), labels)
    test = no_images()
    return ImageSet.encoded(Source(part, test, ("a", "b")), survey(part), survey(test), view)


def store(images, **options):
    return StreamStore.build(images.train_images, images.train_labels, PLAIN, **options)


def taken(images, operations=None, seed=1, **options):
    operations = [RandomResizedCrop(24), Flip()] if operations is None else operations
    return store(images, **options).taking(operations, Streams(seed))[0]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twenty JPEGs and PNGs of different sizes."""
    home = tmp_path_factory.mktemp("pictures")
    for i in range(20):
        image, name = photo(30 + 7 * i, 150 - 6 * i), home / f"{i:02}.{'jpg' if i % 3 else 'png'}"
        image.convert("L" if i == 7 else "RGB").save(name)
    return sorted(home.iterdir())


@pytest.fixture(scope="module")
def originals(pictures):
    return opened(pictures, View(resize=32, form="originals"))


def loaders():
    return [thread for thread in threading.enumerate() if thread.name.startswith("trickbag-loader")]


def psnr(a, b):
    error = np.square(a.astype(float) - b.astype(float)).mean()
    return 10 * np.log10(255**2 / max(error, 1e-4))


def test_crops_of_real_photographs_have_pils_pixels(shared_data):
    paths = sorted((shared_data / "imagenet-samples").rglob("*.JPEG"))
    images = opened(paths, View(resize=224, form="originals"))
    ids = torch.arange(len(paths))
    draws = Streams(1).images(3, ids)
    ((x, y),) = taken(images, [RandomResizedCrop(224), Flip()]).batches([(3, ids)])
    assert torch.equal(y, ids)
    boxes = RandomResizedCrop().boxes(draws, *images.train_images.sizes(ids).unbind(1)).tolist()
    found = []
    for path, box, flipped, image in zip(paths, boxes, Flip().mask(draws).tolist(), x, strict=True):
        expected = reference.resized_crop(Image.open(path).convert("RGB"), *box, [224, 224])
        expected = np.asarray(reference.hflip(expected) if flipped else expected)
        found.append(psnr(image.permute(1, 2, 0).numpy(), expected))
    assert np.mean(found) > 60  # the two limits that loading has to keep
    assert np.min(found) > 50


@pytest.mark.parametrize(
    ("width", "height", "mode"),
    [(90, 70, "L"), (90, 70, "CMYK"), (1, 1, "RGB"), (1, 300, "RGB"), (3000, 2, "RGB"), (5184, 3888, "RGB")],
)
def test_crops_of_grey_cmyk_tiny_long_and_huge_images_have_pils_pixels(tmp_path, width, height, mode):
    photo(width, height).convert(mode).save(tmp_path / "x.jpg", quality=80)
    images = opened([tmp_path / "x.jpg"], View(resize=40, form="originals"))
    ids = torch.tensor([0])
    (box,) = RandomResizedCrop().boxes(Streams(1).images(3, ids), height, width).tolist()
    ((x, _),) = taken(images, [RandomResizedCrop(40)]).batches([(3, ids)])
    expected = reference.resized_crop(Image.open(tmp_path / "x.jpg").convert("RGB"), *box, [40, 40])
    assert np.abs(x[0].permute(1, 2, 0).numpy().astype(int) - np.asarray(expected)).max() <= 1


def test_evaluation_of_real_photographs_is_within_one_level_of_pil(shared_data):
    paths = sorted((shared_data / "imagenet-samples").rglob("*.JPEG"))
    images = opened(paths, View(resize=256, form="originals"))
    batches = store(images, crop=224).evaluation_batches(torch.arange(len(paths)), 24)
    for path, image in zip(paths, torch.cat([x for x, _ in batches]), strict=True):
        expected = reference.resize(Image.open(path).convert("RGB"), [256])
        expected = np.asarray(reference.center_crop(expected, [224, 224])).astype(int)
        assert np.abs(image.permute(1, 2, 0).numpy() - expected).mean() < 1


def test_boxes_are_drawn_as_by_torchvision():
    sizes = torch.tensor([[375, 500], [120, 411], [1000, 90]]).repeat(700, 1)
    uniform = Streams(5).images(0, torch.arange(len(sizes))).uniform("box", 22)
    ours = random_boxes(uniform, sizes[:, 0], sizes[:, 1], SCALE, RATIO)
    torch.manual_seed(1)
    canvas = [torch.empty(1, h, w, device="meta") for h, w in sizes.tolist()]
    theirs = torch.tensor([Reference.get_params(image, list(SCALE), list(RATIO)) for image in canvas])
    for i in range(3):
        a, b = ours[i::3].double(), theirs[i::3].double()
        for what in (
            lambda x: x[:, 2] * x[:, 3],
            lambda x: x[:, 3] / x[:, 2],
            lambda x: x[:, 0],
            lambda x: x[:, 1],
        ):
            assert ks_2samp(what(a), what(b)).pvalue > 0.001


def test_each_image_has_the_box_that_it_has_alone():
    sizes = torch.from_numpy(RANDOM.integers(1, 600, (200, 2)))
    sizes[:20, 0] = 1  # no try fits
    uniform = Streams(5).images(0, torch.arange(200)).uniform("box", 22)
    boxes = random_boxes(uniform, sizes[:, 0], sizes[:, 1], SCALE, RATIO)
    for i, (height, width) in enumerate(sizes.tolist()):
        assert torch.equal(boxes[i : i + 1], random_boxes(uniform[i : i + 1], height, width, SCALE, RATIO))


@pytest.mark.parametrize("flip", [Flip(), Flip(0.0), Flip(1.0), Flip(alternating=True)])
def test_images_of_one_size_are_cut_and_mirrored_as_in_memory(tmp_path, flip):
    pixels = RANDOM.integers(0, 256, (12, 20, 26, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i:02}.png")
    tensor, ids = (
        torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        numbered(torch.arange(12).repeat(2)),
    )
    memory = MemoryStore.build(tensor, torch.arange(12), PLAIN)
    images = opened(sorted(tmp_path.iterdir()), View(form="originals"))
    operations = [RandomResizedCrop(), flip, ColourJitter()]
    streamed, left = store(images).taking(operations, Streams(2))
    assert left == operations[2:]
    for epoch, (x, y), (streamed_x, streamed_y) in zip(
        range(3), memory.batches([(0, ids)] * 3), streamed.batches((e, ids) for e in range(3)), strict=True
    ):
        for operation in operations[:2]:
            x = operation(x, Streams(2).images(epoch, ids))
        assert torch.equal(x, streamed_x)
        assert torch.equal(y, streamed_y)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_mirrored_image_is_numpys_for_any_number_of_threads(threads):
    torch.set_num_threads(threads)
    try:
        for size in ((1, 1), (5, 7), (224, 224), (2, 20_000)):
            pixels = RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8)
            for image in (pixels, pixels[::2, ::2]):
                out = np.zeros_like(image)
                write_mirrored(image, out)
                np.testing.assert_array_equal(out, image[:, ::-1])
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (64, 64), (300, 200)])
def test_an_image_written_in_another_size_is_what_torch_interpolates(size):
    """The expected value is from torch's public function, on the same bytes as a plain [1, 3, H, W]."""
    pixels = RANDOM.integers(0, 256, (*size, 3), dtype=np.uint8)
    for image in (pixels, pixels[size[0] // 3 :, : 1 + size[1] // 2]):
        out = np.zeros((64, 128, 3), np.uint8)[:, ::2]  # a place of any layout
        write_resized(image, out)
        plain = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
        expected = F.interpolate(plain, (64, 64), mode="bilinear", antialias=True)
        np.testing.assert_array_equal(out, expected[0].permute(1, 2, 0).numpy())


def test_images_lie_as_in_memory_where_operations_follow(originals):
    crop, ids = RandomResizedCrop(24), torch.arange(20)
    for operations, contiguous in (([crop], False), ([crop, ColourJitter()], True)):
        ((x, _),) = taken(originals, operations).batches([(0, ids)])
        assert x.is_contiguous() == contiguous
        assert x.is_contiguous(memory_format=torch.channels_last) != contiguous


def test_squares_leave_the_crop_to_the_loop_and_take_a_flip(pictures):
    images = opened(pictures, View(resize=32))
    crop, flip = RandomResizedCrop(), Flip(1.0)
    assert store(images).taking([crop, flip], Streams(1))[1] == [crop, flip]
    ids = torch.arange(20)
    ((x, _),) = taken(images, [flip]).batches([(0, ids)])
    assert torch.equal(x.flip(3), images.some(ids))


@pytest.mark.parametrize("threads", [2, 5])
def test_batches_do_not_depend_on_the_threads(originals, threads):
    ids = numbered(torch.from_numpy(RANDOM.integers(0, 20, 55)))  # images repeat
    steps = list(zip(itertools.count(), ids.split(7)))
    one, several = (taken(originals, threads=n).batches(steps) for n in (1, threads))
    for (x, y), (other_x, other_y), (_, numbers) in zip(one, several, steps, strict=True):
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)
        assert torch.equal(y, numbers % 2**40)


def test_a_repeated_image_has_a_box_of_its_own_each_time(originals):
    ((x, y),) = taken(originals).batches([(0, numbered(torch.tensor([4, 4, 4])))])
    assert y.tolist() == [4, 4, 4]
    assert not torch.equal(x[0], x[1])
    assert not torch.equal(x[1], x[2])


@pytest.mark.parametrize("batch_size", [1, 7, 20, 64])
def test_evaluation_gives_every_image_once_in_order(originals, batch_size):
    ids = torch.from_numpy(RANDOM.permutation(20)[:19])
    built = taken(originals, threads=3)  # what training takes does not touch evaluation
    batches = [(x.clone(), y) for x, y in built.evaluation_batches(ids, batch_size)]
    assert [len(y) for _, y in batches] == [len(part) for part in ids.split(batch_size)]
    assert torch.equal(torch.cat([y for _, y in batches]), ids)
    assert torch.equal(torch.cat([x for x, _ in batches]), originals.some(ids))


def test_statistics_are_numpys_over_the_decoded_images(originals, monkeypatch):
    monkeypatch.setattr("trickbag.data.stores.statistics._CHUNK_BYTES", 10_000)  # several chunks
    ids = torch.tensor([3, 0, 11, 19, 7, 6, 5])
    chosen = originals.some(ids).numpy().astype(np.float64)
    mean, sd = channel_statistics(originals, ids)
    np.testing.assert_allclose(mean, chosen.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(sd, chosen.std((0, 2, 3)), rtol=1e-12)


def test_few_batches_are_made_ahead_and_their_memory_is_used_again(originals):
    asked = itertools.count()
    steps = ((next(asked), torch.arange(16)) for _ in range(30))
    batches = taken(originals, threads=2).batches(steps)
    places = {next(batches)[0].data_ptr() for _ in range(20)}
    ahead = AHEAD + 2 * BLOCK // 16
    assert next(asked) <= 20 + ahead
    assert len(places) <= ahead + 1
    batches.close()


def fails(j, out):
    if j == 5:
        raise KeyError("the very error")
    out[...] = j


def test_what_a_thread_raises_reaches_the_caller_as_it_is_in_its_turn():
    good, bad = (Job(torch.arange(n), fails) for n in (5, 6))
    batches = loaded([good, bad, good], (2, 2), threads=3, device=CPU)
    assert next(batches)[0].flatten(1)[:, 0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(KeyError, match="the very error"):
        next(batches)
    assert not loaders()


def endless(images):
    return taken(images, threads=3).batches(zip(itertools.count(), itertools.repeat(torch.arange(20))))


def test_no_thread_is_left_by_a_stream_that_ended_was_closed_lost_or_broken_off(originals):
    assert len(list(taken(originals, threads=3).batches([(0, torch.arange(20))] * 3))) == 3
    assert not loaders()
    batches = endless(originals)
    next(batches)
    assert loaders()
    batches.close()
    assert not loaders()
    batches = endless(originals)
    next(batches)
    del batches
    gc.collect()
    assert not loaders()
    with pytest.raises(KeyboardInterrupt):
        interrupted(endless(originals))
    gc.collect()
    assert not loaders()


def interrupted(batches):
    """A loop over batches, ended by Ctrl-C."""
    for _ in batches:
        raise KeyboardInterrupt


def test_an_open_stream_does_not_keep_the_interpreter():
    program = (
        "import itertools, threading, torch; from trickbag.data.stores.loading import Job, loaded\n"
        "job = Job(torch.arange(40), lambda j, out: out.fill(j))\n"
        "batches = loaded(itertools.repeat(job), (9, 9), threads=3, device=torch.device('cpu'))\n"
        "next(batches); print(threading.active_count() > 1, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[1],
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def damage(pictures, home, *numbers):
    """Copies of the pictures, some of them cut off."""
    for i, path in enumerate(pictures):
        data = path.read_bytes()
        (home / path.name).write_bytes(data[: len(data) // 2] if i in numbers else data)
    return sorted(home.iterdir())


def test_a_bad_file_ends_the_stream_and_is_named(pictures, tmp_path):
    images = opened(damage(pictures, tmp_path, 4, 13), View(resize=32, form="originals"))
    for batches in (
        taken(images).batches([(0, torch.arange(20))]),
        store(images).evaluation_batches(torch.arange(20), 6),
    ):
        with pytest.raises(InputError, match=r"04\.jpg: the image cannot be read"):
            list(batches)


def test_tolerated_bad_files_are_grey_and_too_many_are_not_tolerated(pictures, tmp_path):
    paths = damage(pictures, tmp_path, 4, 13)
    paths[6].write_bytes(b"")  # its header cannot be read either
    images = opened(paths, View(resize=32, form="originals", bad_files=3))
    ((x, _),) = taken(images).batches([(0, torch.arange(20))])
    assert (x[[4, 6, 13]] == GREY).all()
    assert all(x[i].float().std() > 1 for i in (0, 5, 12, 14))
    ((whole, _),) = store(images).evaluation_batches(torch.arange(20), 20)
    assert (whole[[4, 6, 13]] == GREY).all()
    assert sorted(Path(where).name for where in images.bad) == ["04.jpg", "06.png", "13.jpg"]
    images = opened(paths, View(resize=32, form="originals", bad_files=2))
    with pytest.raises(InputError, match=r"it is bad file number 3, and data\.bad_files tolerates 2"):
        list(taken(images).batches([(0, torch.arange(20))]))


def test_a_file_exchanged_for_another_size_is_named(pictures, tmp_path):
    paths = damage(pictures, tmp_path)
    images = opened(paths, View(resize=32, form="originals"))
    photo(90, 80).save(paths[2])
    paths[3].unlink()
    with pytest.raises(InputError, match=r"02\.jpg: the image is 90×80, and was 44×138 when"):
        list(taken(images).batches([(0, torch.tensor([2]))]))
    with pytest.raises(InputError, match=r"03\.png: cannot be read: No such file"):
        list(taken(images).batches([(0, torch.tensor([3]))]))


def test_a_file_without_a_header_when_indexed_and_whole_now_is_named(pictures, tmp_path):
    paths = damage(pictures, tmp_path)
    whole = paths[2].read_bytes()
    paths[2].write_bytes(b"")
    images = opened(paths, View(resize=32, form="originals"))
    paths[2].write_bytes(whole)
    with pytest.raises(InputError, match=r"the image is 44×138, and could not be read when"):
        list(taken(images).batches([(0, torch.tensor([2]))]))


@pytest.mark.parametrize("text", ["", "[1", "[]", "{}", '{"mean": [1], "sd": [1], "bad": {}}', "[" * 50_000])
def test_damaged_statistics_in_the_cache_are_taken_anew(originals, tmp_path, text):
    ids = torch.arange(20)
    expected = torch.stack(channel_statistics(originals, ids))
    assert torch.equal(torch.stack(channel_statistics(originals, ids, tmp_path)), expected)
    (file,) = tmp_path.iterdir()
    whole = file.read_text()
    file.write_text(text)
    assert torch.equal(torch.stack(channel_statistics(originals, ids, tmp_path)), expected)
    assert file.read_text() == whole
    assert list(tmp_path.iterdir()) == [file]


def test_statistics_are_of_the_decoders_that_they_were_taken_with(originals, tmp_path, monkeypatch):
    channel_statistics(originals, torch.arange(20), tmp_path)
    monkeypatch.setattr("trickbag.data.stores.statistics.DECODERS", 99)
    channel_statistics(originals, torch.arange(20), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_statistics_from_the_cache_count_the_bad_files_that_they_were_taken_of(pictures, tmp_path):
    (tmp_path / "pictures").mkdir()
    paths = damage(pictures, tmp_path / "pictures", 4, 13)
    images, ids = opened(paths, View(resize=32, bad_files=1)), torch.arange(13)
    expected = torch.stack(channel_statistics(images, ids, tmp_path / "cache"))
    assert list(images.bad) == [str(paths[4])]
    (file,) = (tmp_path / "cache").iterdir()
    stamp = file.stat().st_mtime_ns
    again = images.for_run()
    assert not again.bad
    assert torch.equal(torch.stack(channel_statistics(again, ids, tmp_path / "cache")), expected)
    assert again.bad == images.bad
    with pytest.raises(InputError, match=r"04\.jpg: the image cannot be read"):
        channel_statistics(opened(paths, View(resize=32)), ids, tmp_path / "cache")
    assert file.stat().st_mtime_ns == stamp
    assert list((tmp_path / "cache").iterdir()) == [file]


def test_statistics_of_files_that_cannot_be_read_for_now_are_not_kept(pictures, tmp_path):
    paths = damage(pictures, tmp_path)
    images = opened(paths, View(resize=32, bad_files=1))
    whole = paths[2].read_bytes()
    paths[2].unlink()
    ids = torch.arange(20)
    grey = channel_statistics(images, ids, tmp_path / "cache")
    assert list(images.bad) == [str(paths[2])]
    paths[2].write_bytes(whole)
    assert not torch.equal(channel_statistics(images.for_run(), ids, tmp_path / "cache")[0], grey[0])


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_the_orientation_is_applied_before_a_box_is_drawn(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"0.{suffix}"
    photo(80, 30).save(path, exif=exif)
    images = opened([path], View(resize=16, form="originals", exif="apply"))
    assert images.train_images.sizes(torch.tensor([0])).tolist() == [[80, 30]]
    whole = RandomResizedCrop(80, scale=(1.0, 1.0), ratio=(30 / 80, 30 / 80))
    ((x, _),) = taken(images, [whole]).batches([(0, torch.tensor([0]))])
    upright = ImageOps.exif_transpose(Image.open(path).convert("RGB"))
    expected = np.asarray(upright.resize((80, 80), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(x[0].permute(1, 2, 0).numpy() - expected).max() <= 1


@pytest.fixture
def streamed(small: Recipe, tmp_path: Path) -> tuple[Recipe, Machine]:
    """A recipe that trains on a folder of JPEGs of different sizes, and the machine where they lie."""
    for i in range(60):
        path = tmp_path / "images" / "ab"[i % 2] / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(20 + i % 9, 18 + i % 7).save(path)
    patch = {
        "data.name": "folder",
        "data.form": "originals",
        "data.resize": 12,
        "data.limit": None,
        "sample": {"random_resized_crop": {}, "flip": {}},
        "budget.batch_size": 6,
    }
    return apply(small, patch), Machine(device="cpu", data_root=tmp_path / "images", cache=tmp_path / "cache")


def test_a_run_broken_off_in_the_middle_of_an_epoch_ends_with_the_same_weights(streamed, tmp_path):
    recipe, machine = streamed
    ended = []
    for loaders_of_run, stops in ((1, ()), (3, (2, 4, 8))):
        told = machine.model_copy(update={"loaders": loaders_of_run})
        for stop in (*stops, None):
            run = build_session(resolve(recipe, told), 1, told)
            assert isinstance(run.store, StreamStore)
            watch = Watch(tmp_path / f"{loaders_of_run}.pt", stop=lambda run=run, at=stop: run.step == at)
            outcome = train(run, watch)
            assert outcome.status == ("done" if stop is None else "interrupted")
        assert run.resumed == len(stops)
        ended.append((run.model.state_dict(), outcome.validation))
    (straight, bits), (pieces, other_bits) = ended
    assert all(torch.equal(straight[name], pieces[name]) for name in straight)
    assert (bits.top1 == other_bits.top1).all()
    assert not loaders()
