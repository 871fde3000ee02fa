"""The index of encoded images: what it says, how it is checked, and the prepared form that opens by it."""

import hashlib
import io
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from encoded_files import encoded, folder_of, photos, prepared

from trickbag.data import open_images
from trickbag.data.encoded import Labelled, Names
from trickbag.data.index import Index, digest_of, load_index, save_index, survey
from trickbag.data.opening.prepared import prepared_home
from trickbag.data.progress import Patience, Progress
from trickbag.data.view import View
from trickbag.errors import InputError


def test_sizes_orientations_and_digests_are_those_of_pil_and_hashlib(tmp_path):
    files = {
        "a/0.jpg": encoded(31, 17),
        "a/1.jpg": encoded(12, 40, orientation=6),
        "a/2.png": encoded(9, 8, "PNG", orientation=3),
        "b/0.webp": encoded(10, 11, "WEBP"),
        "b/1.jpg": encoded(5, 5, orientation=77),  # no orientation that there is
        "b/2.jpg": b"text",
    }
    index = survey(folder_of(tmp_path, files).train)
    assert index.sizes.tolist() == [[17, 31], [40, 12], [8, 9], [11, 10], [5, 5], [0, 0]]
    assert index.orientation.tolist() == [1, 6, 3, 1, 1, 1]
    assert [row.tobytes() for row in index.sha256] == [
        hashlib.sha256(data).digest() for data in files.values()
    ]
    assert list(index.names) == list(files)
    assert index.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert index.complete


def test_images_of_one_size_keep_it_and_others_become_squares_of_256(tmp_path):
    files = {f"{c}/{i}.jpg": encoded(21, 13) for c in "ab" for i in range(3)} | {"a/9.jpg": b"text"}
    index = survey(folder_of(tmp_path / "same", files).train)
    assert View().side(index) == (13, 21)
    assert View(resize=7).side(index) == (7, 7)
    index = survey(folder_of(tmp_path / "other", files | {"b/9.jpg": encoded(13, 21)}).train)
    assert View().side(index) == (256, 256)
    turned = files | {"b/9.jpg": encoded(13, 21, orientation=6)}
    assert View(exif="apply").side(survey(folder_of(tmp_path / "turned", turned).train)) == (13, 21)
    only = {f"{c}/{i}.jpg": b"text" for c in "ab" for i in range(2)}
    assert View().side(survey(folder_of(tmp_path / "none", only).train)) == (256, 256)


def test_names_are_packed_and_found_again():
    names = [f"class/{i}{'é' * (i % 3)}\udcff" for i in range(9000)] + ["", "x"]
    packed = Names.of(names)
    assert list(packed) == names
    assert [packed[i] for i in (0, 4095, 4096, 8999, -2, -1)] == [
        names[i] for i in (0, 4095, 4096, 8999, -2, -1)
    ]
    assert packed[4090:4100] == names[4090:4100]
    assert list(Names.of([])) == []
    with pytest.raises(IndexError):
        packed[len(names)]


def test_an_index_survives_its_files_and_is_mapped(tmp_path):
    index = survey(photos(tmp_path / "data").train)
    save_index(index, tmp_path, "train")
    again = load_index(tmp_path, "train", 2)
    for name in ("labels", "sizes", "orientation", "sha256"):
        np.testing.assert_array_equal(getattr(again, name), getattr(index, name))
    assert list(again.names) == list(index.names)
    assert again.checksum() == index.checksum()
    assert str(tmp_path / "train.sha256.npy") in Path("/proc/self/maps").read_text()


def test_the_digest_sees_labels_classes_order_and_bytes(tmp_path):
    train, test = (survey(part) for part in photos(tmp_path / "data").parts.values())
    whole = digest_of(train, test, ("a", "b"))
    changed = [digest_of(train, test, ("a", "c")), digest_of(test, train, ("a", "b"))]
    for name in ("labels", "sha256"):
        array = getattr(train, name).copy()
        array.flat[0] ^= 1
        other = Index(**{**vars(train), name: array})
        changed.append(digest_of(other, test, ("a", "b")))
    assert len({whole, *changed}) == 5


def test_the_prepared_form_is_the_folder(tmp_path):
    form = prepared(photos(tmp_path / "data"), tmp_path / "form", "folder")
    args = {"form": "originals", "resize": 16}
    plain = open_images("folder", tmp_path / "data", args, tmp_path / "cache")
    images = open_images("folder", form, args, tmp_path / "other")
    assert images.digest == plain.digest
    assert images.classes == plain.classes
    for part in ("train_images", "test_images"):
        ours, theirs = getattr(images, part), getattr(plain, part)
        assert len(ours) == len(theirs)
        for i in range(len(ours)):
            assert ours.encoded.read(i) == theirs.encoded.read(i)
            assert (ours.whole(i) == theirs.whole(i)).all()
    assert not (tmp_path / "other").exists()


def test_without_data_root_the_form_in_the_cache_is_taken(tmp_path):
    cache = tmp_path / "cache"
    prepared(photos(tmp_path / "data"), prepared_home("imagenet", cache))
    images = open_images("imagenet", None, {}, cache)
    assert len(images.train_images) == 8
    assert images.origin == f"{cache}/prepared/imagenet (originals)"
    with pytest.raises(InputError, match="holds imagenet, and the recipe names folder"):
        open_images("folder", prepared_home("imagenet", cache), {}, cache)


def test_a_folder_named_by_its_path_is_taken_prepared_until_it_changes(tmp_path):
    name, cache = f"folder:{tmp_path / 'data'}", tmp_path / "cache"
    source = photos(tmp_path / "data")
    home = prepared(source, prepared_home(name, cache), "folder", tmp_path / "data")
    meta = json.loads((home / "meta.json").read_text())
    meta["provenance"]["source"] = source.identity()
    (home / "meta.json").write_text(json.dumps(meta))
    args = {"form": "originals"}
    assert open_images(name, None, args, cache).origin == f"{home} (originals)"
    assert open_images(name, tmp_path, args, cache).origin == f"{home} (originals)"  # data_root is another's
    other = tmp_path / "another form of it"
    home.rename(other)
    assert open_images(name, other, args, cache).origin == f"{other} (originals)"
    assert open_images(name, None, args, cache).origin == f"{tmp_path / 'data'} (originals)"
    other.rename(home)
    (tmp_path / "data/train/a/0.jpg").write_bytes(encoded(9, 9))
    with pytest.raises(InputError, match="has changed since it was prepared"):
        open_images(name, None, args, cache)


def test_a_form_is_taken_where_its_source_is_gone_or_no_source_any_more(tmp_path, capsys):
    name, cache = f"folder:{tmp_path / 'data'}", tmp_path / "cache"
    source = photos(tmp_path / "data")
    home = prepared(source, prepared_home(name, cache), "folder", tmp_path / "data")
    meta = json.loads((home / "meta.json").read_text())
    change_meta(home, provenance={**meta["provenance"], "source": source.identity()})
    shutil.rmtree(tmp_path / "data")
    args = {"form": "originals"}
    assert open_images(name, None, args, cache).origin == f"{home} (originals)"
    assert capsys.readouterr().err == ""
    (tmp_path / "data").mkdir()  # emptied, or a disk that is not mounted
    assert open_images(name, None, args, cache).origin == f"{home} (originals)"
    (line,) = capsys.readouterr().err.splitlines()
    assert f"taken as it was prepared, from {home}" in line


def rewrite(path, change):
    array = np.load(path)
    np.save(path, change(array))


def change_meta(folder, **changes):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, **changes}))


def swapped(array):
    array = array.copy()
    array[1], array[2] = array[2], array[1]
    return array


def set_first(value):
    def change(array):
        array = array.copy()
        array.flat[0] = value
        return array

    return change


def npz():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


HOSTILE = {
    "labels outside the classes": lambda f: rewrite(f / "train.labels.npy", set_first(2)),
    "negative labels": lambda f: rewrite(f / "test.labels.npy", set_first(-1)),
    "labels of another type": lambda f: rewrite(f / "train.labels.npy", lambda a: a.astype(float)),
    "too few labels": lambda f: rewrite(f / "train.labels.npy", lambda a: a[:-1]),
    "no dimension": lambda f: np.save(f / "train.labels.npy", np.int64(3)),
    "objects": lambda f: np.save(f / "train.sizes.npy", np.array([{}] * 8), allow_pickle=True),
    "sizes of another shape": lambda f: rewrite(f / "train.sizes.npy", lambda a: a[:, :1]),
    "negative sizes": lambda f: rewrite(f / "train.sizes.npy", set_first(-5)),
    "an archive of arrays": lambda f: (f / "train.sha256.npy").write_bytes(npz()),
    "name ends that go back": lambda f: rewrite(f / "train.name_ends.npy", swapped),
    "names that are missing": lambda f: rewrite(f / "train.names.npy", lambda a: a[:-1]),
    "offsets that go back": lambda f: rewrite(f / "train.offsets.npy", swapped),
    "offsets below 0": lambda f: rewrite(f / "train.offsets.npy", set_first(-8)),
    "offsets outside the file": lambda f: os.truncate(f / "train.bin", 100),
    "too few offsets": lambda f: rewrite(f / "test.offsets.npy", lambda a: a[:-1]),
    "a truncated array": lambda f: os.truncate(f / "train.sha256.npy", 150),
    "an empty array file": lambda f: os.truncate(f / "train.names.npy", 0),
    "a header that is code": lambda f: (f / "train.labels.npy").write_bytes(
        b"\x93NUMPY\x01\x00v\x00" + b"__import__('os').mkdir('/tmp/should-not-be')".ljust(117) + b"\n"
    ),
    "a missing array": lambda f: (f / "test.orientation.npy").unlink(),
    "no flat file of one part": lambda f: (f / "test.bin").unlink(),
    "half a meta": lambda f: (f / "meta.json").write_text('{"format": 1'),
    "a list for meta": lambda f: (f / "meta.json").write_text("[1]"),
    "a deep meta": lambda f: (f / "meta.json").write_text("[" * 100_000),
    "a binary meta": lambda f: (f / "meta.json").write_bytes(b"\xff\xfe\x00"),
    "another format": lambda f: change_meta(f, format=7),
    "classes that are no names": lambda f: change_meta(f, classes=[1, 2]),
    "too few classes": lambda f: change_meta(f, classes=["a"]),
    "no provenance": lambda f: change_meta(f, provenance=None),
    "a digest that is none": lambda f: change_meta(f, digest="../../x"),
}


@pytest.mark.parametrize("damage", sorted(HOSTILE))
def test_a_damaged_prepared_form_is_one_line(tmp_path, damage):
    form = prepared(photos(tmp_path / "data"), tmp_path / "form")
    open_images("imagenet", form, {}, tmp_path / "cache")
    HOSTILE[damage](form)
    with pytest.raises(InputError, match=r"prepare|of another version") as caught:
        open_images("imagenet", form, {}, tmp_path / "cache")
    assert str(form) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not os.path.exists("/tmp/should-not-be")


def test_somebody_elses_meta_json_is_nobodys_prepared_form(tmp_path):
    photos(tmp_path / "data")
    (tmp_path / "data" / "meta.json").write_text('{"author": "me"}')
    assert len(open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache").train_labels) == 8


class Unreadable:
    """Images of which some cannot be read."""

    def __init__(self, images, bad):
        self.images, self.bad, self.names = images, bad, images.names

    def __len__(self):
        return len(self.images)

    def read(self, i):
        if i in self.bad:
            raise OSError(5, "Input/output error")
        return self.images.read(i)


def test_what_cannot_be_read_leaves_its_place_empty(tmp_path):
    part = photos(tmp_path / "data").train
    index = survey(Labelled(Unreadable(part.images, {3}), part.labels))
    assert not index.complete
    assert np.flatnonzero(~index.sha256.any(axis=1)).tolist() == [3]
    assert index.sizes[3].tolist() == [0, 0]
    whole = survey(part)
    assert np.delete(index.sha256, 3, 0).tolist() == np.delete(whole.sha256, 3, 0).tolist()


def test_interrupted_at_the_first_opening_nothing_is_left(tmp_path):
    photos(tmp_path / "data", count=60)

    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_images("folder", tmp_path / "data", {}, tmp_path / "cache", tell=interrupt)
    assert not list((tmp_path / "cache").iterdir())
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_the_first_opening_tells_how_far_it_is(tmp_path):
    photos(tmp_path / "data", count=60)
    told = []
    open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache", tell=told.append)
    last = {progress.what: progress for progress in told}
    assert [(p.done, p.total) for p in last.values()] == [(120, 120), (2, 2), (120, 120), (2, 2)]
    told.clear()
    open_images("folder", tmp_path / "data", {"resize": 8}, tmp_path / "cache", tell=told.append)
    assert not told


def test_patience_says_nothing_of_short_work_and_a_line_every_few_seconds_of_long_work(capsys):
    times = iter([0.0, *range(20)])
    tell = Patience(5.0, clock=lambda: float(next(times)))
    for done in range(20):
        tell(Progress("looking", done * 1000, 100_000, "images"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "trickbag: looking: 5,000 of 100,000 images, 1:35 to go",
        "trickbag: looking: 10,000 of 100,000 images, 1:30 to go",
        "trickbag: looking: 15,000 of 100,000 images, 1:25 to go",
    ]
