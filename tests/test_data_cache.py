import errno
import fcntl
import json
import multiprocessing
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trickbag.data import DATASETS, EncodedImages, ImageSet, check_readable, held, open_images
from trickbag.data.images import content_digest
from trickbag.data.opening.cache import load_arrays
from trickbag.data.opening.locks import alone, claimed
from trickbag.errors import InputError

FIELDS = ("train_images", "train_labels", "test_images", "test_labels")


def class_folder(root, seed=0):
    rng = np.random.default_rng(seed)
    for i in range(6):
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(path)


def entries(cache):
    return sorted(cache.iterdir())


def kinds(cache):
    """What the entries of a cache are, by their names."""
    return [path.name.split("-")[0] for path in entries(cache)]


def counting_reader(root, *, scale: int = 1):
    """A user's own reader; leaves a mark beside the data at every call."""
    with (root.parent / "calls").open("a") as calls:
        calls.write("x")
    images = np.arange(4 * 3 * 5 * 5, dtype=np.uint8).reshape(4, 3, 5, 5) * np.uint8(scale)
    labels = np.array([0, 1, 0, 1])
    return ImageSet.of((images, labels), (images[:0], labels[:0]), ("a", "b"))


def same(a, b):
    equal = all(torch.equal(getattr(a, field), getattr(b, field)) for field in FIELDS)
    return equal and a.classes == b.classes and a.digest == b.digest


def test_the_second_opening_reads_the_cache_and_is_equal(tmp_path):
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()

    def calls():
        return len((tmp_path / "calls").read_text())

    first = open_images("mine.py:reader", data, {}, cache, reader=counting_reader)
    second = open_images("mine.py:reader", data, {"scale": 1}, cache, reader=counting_reader)
    assert calls() == 1
    assert same(first, second)
    assert same(first, counting_reader(data))
    open_images("mine.py:reader", data, {"scale": 2}, cache, reader=counting_reader)
    assert calls() == 3  # the direct call above, and the new argument
    (data / "new").write_text("x")
    open_images("mine.py:reader", data, {}, cache, reader=counting_reader)
    assert calls() == 4


def test_arrays_are_shared_memory_maps_that_leave_the_file_alone(tmp_path):
    images = open_images("digits", None, {}, tmp_path)
    (entry,) = entries(tmp_path)
    assert str(entry / "train_images.npy") in Path("/proc/self/maps").read_text()
    before = (entry / "train_images.npy").read_bytes()
    images.train_images[0] = 77  # copy on write
    assert (entry / "train_images.npy").read_bytes() == before
    assert same(
        open_images("digits", None, {}, tmp_path), open_images("digits", None, {}, tmp_path / "other")
    )


def test_meta_tells_where_it_came_from(tmp_path):
    images = open_images("digits", None, {}, tmp_path)
    meta = json.loads((entries(tmp_path)[0] / "meta.json").read_text())
    assert meta["format"] == 1
    assert meta["digest"] == images.digest
    assert tuple(meta["classes"]) == images.classes
    assert meta["provenance"]["data set"] == "digits"
    assert meta["provenance"]["versions"]["numpy"] == np.__version__


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "a flipped byte": lambda entry: flip_a_byte(entry / "train_images.npy"),
    "a flipped label": lambda entry: flip_a_byte(entry / "test_labels.npy"),
    "a truncated array": lambda entry: os.truncate(entry / "train_images.npy", 5000),
    "an empty array file": lambda entry: (entry / "test_labels.npy").write_bytes(b""),
    "a missing array": lambda entry: (entry / "test_images.npy").unlink(),
    "no meta": lambda entry: (entry / "meta.json").unlink(),
    "half a meta": lambda entry: (entry / "meta.json").write_text('{"format": 1'),
    "another format": lambda entry: (entry / "meta.json").write_text(
        '{"format": 0, "digest": "", "classes": []}'
    ),
    "a pickled array": lambda entry: np.save(entry / "train_labels.npy", np.array([{}]), allow_pickle=True),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_damaged_entry_is_rebuilt(tmp_path, damage):
    whole = DATASETS["digits"](None)
    open_images("digits", None, {}, tmp_path)
    (entry,) = entries(tmp_path)
    DAMAGE[damage](entry)
    assert same(open_images("digits", None, {}, tmp_path), whole)
    assert entries(tmp_path) == [entry]  # and nothing is left lying about
    stamp = (entry / "meta.json").stat().st_mtime_ns
    assert same(open_images("digits", None, {}, tmp_path), whole)
    assert (entry / "meta.json").stat().st_mtime_ns == stamp


def test_changed_source_files_are_read_again(tmp_path):
    data, cache = tmp_path / "data", tmp_path / "cache"
    class_folder(data)
    first = open_images("folder", data, {"resize": 8}, cache)
    assert open_images("folder", data, {"resize": 8}, cache).digest == first.digest
    assert kinds(cache) == ["index", "squares"]
    class_folder(data, seed=1)
    assert open_images("folder", data, {"resize": 8}, cache).digest != first.digest
    assert kinds(cache) == ["index", "index", "squares", "squares"]
    assert open_images("folder", data, {"resize": 4}, cache).train_images.shape[2] == 4
    assert kinds(cache) == ["index", "index", "squares", "squares", "squares"]
    os.utime(data / "a" / "0.png", ns=(0, 0))  # as if another file of the same size
    open_images("folder", data, {"resize": 4}, cache)
    assert kinds(cache) == ["index", "index", "index", "squares", "squares", "squares"]


def test_an_empty_test_part_survives_the_cache(tmp_path):
    class_folder(tmp_path / "data")
    open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache")
    again = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache")
    assert again.test_images.shape == (0, 3, 8, 8)
    assert again.test_labels.dtype == torch.int64


def _open(root, cache, start, results):
    start.wait()
    results.put(open_images("folder", root, {"resize": 300}, cache).digest)


def test_processes_at_once_do_not_disturb_one_another(tmp_path):
    class_folder(tmp_path / "data")
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(4), context.Queue()
    workers = [
        context.Process(target=_open, args=(tmp_path / "data", tmp_path / "cache", start, results))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    digests = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    assert digests == {open_images("folder", tmp_path / "data", {"resize": 300}, tmp_path / "cache").digest}
    assert kinds(tmp_path / "cache") == ["index", "squares"]


@pytest.mark.parametrize("entry", ["index", "squares"])
@pytest.mark.parametrize(
    "damage", ["a flipped byte", "a truncated file", "a missing file", "an empty folder"]
)
def test_a_damaged_entry_of_encoded_images_is_rebuilt(tmp_path, entry, damage):
    class_folder(tmp_path / "data")
    cache = tmp_path / "cache"
    whole = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "other")
    open_images("folder", tmp_path / "data", {"resize": 8}, cache)
    for place in [path for path in entries(cache) if path.name.startswith(entry)]:
        before = {path.name: path.read_bytes() for path in place.iterdir()}
        for name in before if damage == "an empty folder" else sorted(before)[-1:]:
            path = place / name
            if damage == "a flipped byte":
                flip_a_byte(path)
            elif damage == "a truncated file":
                os.truncate(path, path.stat().st_size - 3)
            else:
                path.unlink()
        if entry == "index":  # else the decoded images would not be asked for again
            shutil.rmtree(next(path for path in entries(cache) if path.name.startswith("squares")))
        again = open_images("folder", tmp_path / "data", {"resize": 8}, cache)
        assert same(again, whole)
        if entry == "index":
            assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert kinds(cache) == ["index", "squares"]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    class_folder(tmp_path / "data")
    cache = tmp_path / "cache"
    open_images("folder", tmp_path / "data", {"resize": 8}, cache)
    squares = next(path for path in entries(cache) if path.name.startswith("squares"))
    dead, living = (cache / f".{squares.name}-{name}" for name in ("dead", "living"))
    for left in (dead, living):
        shutil.copytree(squares, left)
        os.utime(left, (0, 0))
    shutil.rmtree(squares)
    handle = os.open(living, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    open_images("folder", tmp_path / "data", {"resize": 8}, cache)
    os.close(handle)
    assert living.exists()
    assert not dead.exists()
    assert squares.exists()


def test_a_disk_without_room_streams_instead(tmp_path, monkeypatch):
    class_folder(tmp_path / "data")
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage)
    images = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache")
    assert isinstance(images.train_images, EncodedImages)
    assert "do not fit on the disk" in held(images)
    assert kinds(tmp_path / "cache") == ["index"]


def test_wrong_names_and_arguments_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="unknown data set 'digit'; did you mean 'digits'"):
        open_images("digit", None, {}, tmp_path)
    with pytest.raises(InputError, match=r"data set 'folder': .*'size'"):
        open_images("folder", tmp_path, {"size": 3}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_image_is_kept_grey_and_noted_whatever_a_run_tolerates(tmp_path):
    class_folder(tmp_path / "data")
    bad = tmp_path / "data" / "a" / "0.png"
    bad.write_bytes(bad.read_bytes()[:100])
    strict, lenient = (
        open_images("folder", tmp_path / "data", {"resize": 8, "bad_files": n}, tmp_path / "cache")
        for n in (0, 1)
    )
    assert kinds(tmp_path / "cache") == ["index", "squares"]  # decoded once
    assert (strict.train_images[0] == 128).all()
    assert same(strict, lenient)
    check_readable(strict, torch.arange(1, 6))  # without the damaged one
    assert not strict.bad
    with pytest.raises(InputError, match=r"a/0\.png: the image cannot be read.*bad_files tolerates 0"):
        check_readable(strict, torch.arange(6))
    check_readable(lenient, torch.arange(6))
    assert list(lenient.bad) == [str(bad)]
    (flaws,) = (tmp_path / "cache").glob("squares-*/flaws.json")
    flaws.write_text("{")
    again = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache")
    assert again.flaws == strict.flaws
    (tmp_path / "data").rename(tmp_path / "moved")
    moved = open_images("folder", tmp_path / "moved", {"resize": 8}, tmp_path / "cache")
    assert [flaw.where for flaw in moved.flaws[0].values()] == [str(tmp_path / "moved" / "a" / "0.png")]


def test_what_changes_between_indexing_and_decoding_is_not_kept(tmp_path):
    class_folder(tmp_path / "data")
    bad = tmp_path / "data" / "b" / "1.png"

    def disturb(progress):
        if progress.what.startswith("looking at train"):
            bad.unlink()  # all are indexed by now

    images = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache", tell=disturb)
    assert isinstance(images.train_images, EncodedImages)
    assert f"{bad} is not as it was when the set was indexed" in held(images)
    assert kinds(tmp_path / "cache") == ["index"]


def test_a_disk_that_fills_up_while_decoding_streams_instead(tmp_path, monkeypatch):
    class_folder(tmp_path / "data")

    def full(handle, data, offset):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    images = open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache")
    assert f"the disk of {tmp_path / 'cache'} is full" in held(images)
    assert kinds(tmp_path / "cache") == ["index"]


def _decode(root, cache, start, results):
    start.wait()
    told = set()
    open_images("folder", root, {"resize": 300}, cache, tell=lambda progress: told.add(progress.what))
    results.put("decoding training images" in told)


def test_of_processes_at_once_one_decodes(tmp_path):
    class_folder(tmp_path / "data")
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(4), context.Queue()
    args = (tmp_path / "data", tmp_path / "cache", start, results)
    workers = [context.Process(target=_decode, args=args) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert sorted(results.get(timeout=60) for _ in workers) == [False, False, False, True]
    for worker in workers:
        worker.join()


def test_a_lock_waits_for_its_holder_and_lets_what_is_raised_through(tmp_path):
    place, order = tmp_path / "entry", []
    inside = threading.Event()

    def other():
        with alone(place, inside.set):
            order.append("second")

    thread = threading.Thread(target=other)
    with alone(place, pytest.fail):
        thread.start()
        assert inside.wait(60)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    with pytest.raises(BlockingIOError, match="ours"), claimed(tmp_path):
        raise BlockingIOError("ours")
    with pytest.raises(BlockingIOError, match="ours"), alone(place, pytest.fail):
        raise BlockingIOError("ours")
    assert not list(tmp_path.iterdir())


def test_where_there_are_no_locks_all_work(tmp_path, monkeypatch):
    def lockless(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", lockless)
    with alone(tmp_path / "entry", pytest.fail), claimed(tmp_path) as ours:
        assert not ours
    class_folder(tmp_path / "data")
    assert open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache").flaws == ({}, {})
    assert kinds(tmp_path / "cache") == ["index", "squares"]


def age(entry):
    """Let all files of an entry look an hour old."""
    for path in entry.iterdir():
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 3600 * 10**9))


def test_an_entry_is_read_in_full_once_as_long_as_its_files_stay_the_same(tmp_path, monkeypatch):
    open_images("digits", None, {}, tmp_path)
    (entry,) = entries(tmp_path)
    checks = []

    def counted(*arrays, classes):
        checks.append(1)
        return content_digest(*arrays, classes=classes)

    monkeypatch.setattr("trickbag.data.opening.cache.content_digest", counted)
    for _ in range(2):  # too young: they might yet be written without another time of change
        open_images("digits", None, {}, tmp_path)
    assert len(checks) == 2
    age(entry)
    whole = DATASETS["digits"](None)
    assert all(same(open_images("digits", None, {}, tmp_path), whole) for _ in range(3))
    assert len(checks) == 3
    assert load_arrays(entry) is not None  # whoever wants it in full
    assert len(checks) == 4
    flip_a_byte(entry / "train_images.npy")
    assert same(open_images("digits", None, {}, tmp_path), whole)  # noticed, and made again
    (entry / "checked.json").write_text("[")
    assert same(open_images("digits", None, {}, tmp_path), whole)


def test_a_reader_of_ones_own_that_fails_leaves_nothing_behind(tmp_path):
    def failing(root):
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        open_images("mine.py:failing", tmp_path, {}, tmp_path / "cache", reader=failing)
    assert not (tmp_path / "cache").exists()
