"""Preparing data sets: what the form holds, what is refused, and that training from it is the same."""

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from cifar_files import CIFAR10_NAMES, cifar10_files, write_parquet
from imagenet_files import DEVKIT, devkit_archive, train_files, validation_files, write_official, write_tree
from photo_folder import photo_folder, picture, save
from PIL import Image, ImageOps, JpegImagePlugin
from rich.console import Console
from test_data_cifar import official10, official100  # noqa: F401
from test_data_parquet import two_kinds_of_classes
from torchvision.transforms.v2 import functional as reference
from typer.testing import CliRunner

from trickbag.cli.bar import bar
from trickbag.cli.main import app
from trickbag.data import open_images
from trickbag.data.opening.prepared import open_flat, prepared_home
from trickbag.data.prepare import Reencoding, Request, prepare
from trickbag.data.prepare import room as room_module
from trickbag.data.progress import Patience
from trickbag.data.sources.unpickle import unpickle
from trickbag.errors import InputError
from trickbag.recipe import Machine, apply, load_recipe
from trickbag.train import build_session, resolve, train


def no_download(name, into, tell):
    raise AssertionError(f"{name} was to be downloaded into {into}")


def made(request, home, **options):
    said = []
    done = prepare(request, home, home.parent / "cache", fetch=no_download, say=said.append, **options)
    return done, said


def files(folder):
    """Name → content of what lies in a folder, but for the lock, which names a process."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


def opened(data):
    """The image that PIL sees in some bytes."""
    return Image.open(io.BytesIO(data))


@pytest.fixture
def photos(tmp_path):
    return photo_folder(tmp_path / "photos", 6)


def test_the_form_holds_the_original_bytes_in_order(photos, tmp_path):
    (photos / "train" / "cat" / "bad.jpg").write_bytes(b"no image")
    (photos / "train" / "dog" / "empty.jpg").write_bytes(b"")
    told = []
    done, said = made(Request.of(f"folder:{photos}"), tmp_path / "form", tell=told.append)
    assert (done.fresh, said) == (True, [])
    assert done.counts == {"train": 14, "test": 6}
    source, indices = open_flat(tmp_path / "form", tuple(done.meta["classes"]))
    assert source.classes == ("cat", "dog")
    for (name, part), index in zip(source.parts.items(), indices, strict=True):
        paths = sorted((photos / name).glob("*/*.jpg"))
        assert list(part.images.names) == [str(path.relative_to(photos / name)) for path in paths]
        assert part.labels.tolist() == [int(path.parent.name == "dog") for path in paths]
        for i, path in enumerate(paths):
            assert part.images.read(i) == path.read_bytes()
            assert index.sha256[i].tobytes() == hashlib.sha256(path.read_bytes()).digest()
            readable = path.stem not in ("bad", "empty")
            assert tuple(index.sizes[i]) == (opened(path.read_bytes()).size[::-1] if readable else (0, 0))
    assert [(progress.what, progress.done, progress.total) for progress in told][-1] == (
        "copying test images",
        6,
        6,
    )
    assert not {"preparing.json", "train.facts", "test.facts"} & set(os.listdir(tmp_path / "form"))


def test_it_opens_as_the_folder_does_and_preparing_again_changes_nothing(photos, tmp_path):
    request = Request.of("folder", photos)
    home = prepared_home("folder", tmp_path / "cache")
    made(request, home)
    before = {path.name: path.stat().st_mtime_ns for path in home.iterdir()}
    done, _ = made(request, home)
    assert not done.fresh
    assert {path.name: path.stat().st_mtime_ns for path in home.iterdir()} == before
    args = {"resize": 24}
    ours = open_images("folder", None, args, tmp_path / "cache", memory_gib=0)  # found without a root
    theirs = open_images("folder", photos, args, tmp_path / "cache", memory_gib=0)
    assert ours.digest == theirs.digest == done.meta["digest"]
    ids = torch.arange(12)
    assert torch.equal(ours.some(ids), theirs.some(ids))


def weights(recipe, machine):
    """Test accuracy and weights after training."""
    session = build_session(resolve(recipe, machine), 1, machine)
    outcome = train(session)
    return outcome.test.accuracy(1), {
        name: value.clone() for name, value in session.model.state_dict().items()
    }


def check_same_training(recipe, machines):
    (accuracy, first), *others = [weights(recipe, machine) for machine in machines]
    for other_accuracy, other in others:
        assert accuracy == other_accuracy
        assert all(torch.equal(first[name], other[name]) for name in first)


SMALL = {
    "model.channels": [4, 8, 8],
    "budget.epochs": 2,
    "budget.batch_size": 8,
    "budget.evaluate": "last_epoch",
    "data.validation": 0.3,
}


@pytest.mark.parametrize("form", ["squares", "originals"])
def test_training_from_the_form_is_training_from_the_folder(tmp_path, form):
    photos = photo_folder(tmp_path / "photos", 14)
    made(Request.of("folder", photos), tmp_path / "form")
    data = {"name": "folder", "resize": 32, "form": form, "validation": 0.3}
    sample = {"random_resized_crop": {"size": 24}, "flip": {"p": 0.5}}
    recipe = apply(load_recipe("digits_baseline"), {**SMALL, "data": data, "sample": sample, "data.crop": 24})
    machines = [
        Machine(device="cpu", cache=tmp_path / "cache", data_root=root, memory_gib=gib)
        for root, gib in ((photos, 0), (tmp_path / "form", 0), (tmp_path / "form", 1))
    ]
    check_same_training(recipe, machines)


def test_training_from_archive_parquet_and_form_is_the_same(official10, tmp_path):  # noqa: F811
    contents = {name: unpickle(data, name) for name, data in cifar10_files().items()}
    for part in ("train", "test"):
        batches = [
            content for name, content in contents.items() if (name == "test_batch") == (part == "test")
        ]
        batches = [batch for batch in batches if b"data" in batch]
        pixels = np.concatenate([batch[b"data"] for batch in batches])
        labels = [label for batch in batches for label in batch[b"labels"]]
        path = tmp_path / "hub" / f"{part}-00000-of-00001.parquet"
        write_parquet(path, pixels, {"label": labels}, {"label": CIFAR10_NAMES})
    archive = official10 / "cifar-10-python.tar.gz"
    done, _ = made(Request.of("cifar10", archive), tmp_path / "form")
    assert done.counts == {"train": 60, "test": 12}
    recipe = apply(load_recipe("digits_baseline"), {**SMALL, "data.name": "cifar10", "data.validation": 0.5})
    check_same_training(
        recipe,
        [
            Machine(device="cpu", cache=tmp_path / "cache", data_root=root)
            for root in (archive, tmp_path / "hub", tmp_path / "form")
        ],
    )


def test_tars_of_imagenet_and_its_folders_give_the_same_form(tmp_path):
    (tmp_path / "tars").mkdir()
    write_official(tmp_path / "tars")
    contents = {wnid: list(some.values()) for wnid, some in train_files().items()}
    folder = tmp_path / "folders"
    write_tree(
        folder / "train", {f"{w}/{n}": d for w, some in train_files().items() for n, d in some.items()}
    )
    write_tree(folder / "val", validation_files())
    write_tree(folder, {f"{DEVKIT}.tar.gz": devkit_archive()})
    forms = []
    for root in (tmp_path / "tars", folder):
        home = tmp_path / f"{root.name}_form"
        assert made(Request.of("imagenet", root), home)[0].counts["train"] == sum(map(len, contents.values()))
        forms.append(files(home))
    told = ("meta.json", "test.names.npy", "test.name_ends.npy")  # where they lay: a flat val/ has no classes
    assert [name for name in forms[0] if forms[0][name] != forms[1][name] and name not in told] == []
    assert len(forms[0]["train.bin"]) == sum(len(data) for some in contents.values() for data in some)


def test_parquet_named_by_its_path_opens_from_the_form(tmp_path):
    content = unpickle(cifar10_files()["test_batch"], "test_batch")
    for part in ("train", "test"):
        path = tmp_path / "hub" / f"{part}.parquet"
        write_parquet(path, content[b"data"], {"label": content[b"labels"]}, {"label": CIFAR10_NAMES})
    name, cache = f"parquet:{tmp_path / 'hub'}", tmp_path / "cache"
    before = open_images(name, None, {}, cache, memory_gib=0)
    made(Request.of(name), prepared_home(name, cache))
    after = open_images(name, None, {}, cache, memory_gib=0)
    assert "train.bin" in after.train_images.encoded.where(0)
    assert after.digest == before.digest
    assert torch.equal(
        after.some(torch.arange(12)).flatten(1), torch.from_numpy(content[b"data"].astype(np.uint8))
    )


def test_labels_of_cifar100_are_chosen_when_it_is_prepared(official100, tmp_path):  # noqa: F811
    coarse = Request.of("cifar100", official100, {"labels": "coarse"})
    done, _ = made(coarse, tmp_path / "form")
    assert len(done.meta["classes"]) == 20
    assert not made(coarse, tmp_path / "form")[0].fresh
    images = open_images("cifar100", tmp_path / "form", {"labels": "coarse"}, tmp_path / "cache")
    assert images.digest == open_images("cifar100", official100, {"labels": "coarse"}, tmp_path / "c").digest
    with pytest.raises(
        InputError, match=r"holds cifar100 labels=coarse from .* asked for is cifar100 labels=fi"
    ):
        made(Request.of("cifar100", official100), tmp_path / "form")
    with pytest.raises(InputError, match="labels is 'rough'"):
        made(Request.of("cifar100", official100, {"labels": "rough"}), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def psnr(a, b):
    difference = np.asarray(a, float) - np.asarray(b, float)
    return 10 * np.log10(255**2 / (difference**2).mean())


def test_images_are_stored_smaller_as_torchvision_resizes_them(tmp_path):
    rng = np.random.default_rng(0)
    tilted = Image.Exif()
    tilted[0x0112] = 6
    images = {
        "a_wide.jpg": (picture(rng, 200, 120), {}),
        "b_tall.png": (picture(rng, 90, 300), {}),
        "c_grey.jpg": (picture(rng, 130, 140).convert("L"), {}),
        "d_tilted.jpg": (picture(rng, 200, 120), {"exif": tilted}),
        "e_small.jpg": (picture(rng, 300, 64), {}),
    }
    for name, (image, options) in images.items():
        save(tmp_path / "photos" / "cat" / name, image, **options)
    whole = (tmp_path / "photos" / "cat" / "d_tilted.jpg").read_bytes()
    (tmp_path / "photos" / "cat" / "f_cut.jpg").write_bytes(whole[: len(whole) // 2])
    photo_folder(tmp_path / "other", 2)
    (tmp_path / "other" / "train" / "dog").rename(tmp_path / "photos" / "dog")

    done, _ = made(Request.of("folder", tmp_path / "photos", {}, Reencoding(64)), tmp_path / "form")
    assert done.meta["provenance"]["re-encoded"] == {"short side": 64, "quality": 90, "subsampling": "4:2:0"}
    source, (index, _) = open_flat(tmp_path / "form", ("cat", "dog"))
    stored = {name: source.train.images.read(i) for i, name in enumerate(source.train.images.names)}
    for kept in ("cat/e_small.jpg", "cat/f_cut.jpg", "dog/000.jpg"):
        assert stored[kept] == (tmp_path / "photos" / kept).read_bytes()
    save(tmp_path / "quality90.jpg", picture(rng, 8, 8), quality=90)
    tables = opened((tmp_path / "quality90.jpg").read_bytes()).quantization
    for i, name in enumerate(("a_wide.jpg", "b_tall.png", "c_grey.jpg", "d_tilted.jpg")):
        original = opened((tmp_path / "photos" / "cat" / name).read_bytes())
        ours = opened(stored[f"cat/{name}"])
        expected = reference.resize(original.convert("RGB"), [64], antialias=True)
        assert ours.format == "JPEG"
        assert ours.quantization == tables
        assert JpegImagePlugin.get_sampling(ours) == 2  # 4:2:0
        assert ours.size == expected.size
        assert tuple(index.sizes[i]) == expected.size[::-1]
        assert psnr(ours, expected) > 36, name
        upright, theirs = ImageOps.exif_transpose(ours), ImageOps.exif_transpose(original).convert("RGB")
        assert upright.size == reference.resize(theirs, [64]).size
        assert psnr(upright, reference.resize(theirs, [64], antialias=True)) > 36, name
    assert index.orientation[:5].tolist() == [1, 1, 1, 6, 1]
    applied = open_images("folder", tmp_path / "form", {"exif": "apply", "form": "originals"}, tmp_path / "c")
    assert applied.train_images.pixels(3).shape == (106, 64, 3)
    originals = open_images("folder", tmp_path / "photos", {"form": "originals"}, tmp_path / "c")
    assert applied.digest != originals.digest


def test_other_content_options_and_sources_are_refused(photos, tmp_path):
    request, form = Request.of("folder", photos), tmp_path / "form"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine: holds other files \(thesis.txt\)"):
        made(request, mine)
    (mine / "meta.json").write_text('{"authors": []}')
    with pytest.raises(
        InputError, match=r"mine.*: (damaged, or not of a prepared data set|holds other files)"
    ):
        made(request, mine)
    assert set(os.listdir(mine)) == {"thesis.txt", "meta.json"}
    with pytest.raises(InputError, match=r"thesis.txt: is a file"):
        made(request, mine / "thesis.txt")
    with pytest.raises(InputError, match=r"train/cat/form: lies among the class folders"):
        made(request, photos / "train" / "cat" / "form")

    made(request, form)
    before = files(form)
    with pytest.raises(InputError, match=r"asked for is folder at short side 16, quality 90, from .*--to"):
        made(Request.of("folder", photos, {}, Reencoding(16)), form)
    other = photo_folder(tmp_path / "others", 2)
    with pytest.raises(
        InputError, match=r"holds folder from .*photos, and asked for is folder from .*others"
    ):
        made(Request.of("folder", other), form)
    with pytest.raises(InputError, match=r"holds folder from .*, and asked for is imagenet from"):
        made(Request.of("imagenet", photos), form)
    (photos / "train" / "cat" / "new.jpg").write_bytes(b"new")
    with pytest.raises(InputError, match=r"photos as it was, and that has changed since.* rm -r .*form"):
        made(request, form)
    assert files(form) == before


def test_a_damaged_form_is_made_anew(photos, tmp_path):
    request, form = Request.of("folder", photos), tmp_path / "form"
    made(request, form)
    before = files(form)
    for name, damage in (("train.bin", b"x"), ("train.offsets.npy", b""), ("test.labels.npy", b"x")):
        (form / name).write_bytes(damage)
        done, said = made(request, form)
        assert done.fresh
        assert "anew" in said[0]
        assert files(form) == before


def test_room_on_the_disk_is_looked_for_first(photos, tmp_path, monkeypatch):
    needed = sum(path.stat().st_size for path in photos.rglob("*.jpg"))
    free = room_module.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda path: free._replace(free=needed - 1))
    with pytest.raises(InputError, match=r"form: 0.0 GiB are needed and 0.0 GiB are free on its disk"):
        made(Request.of("folder", photos), tmp_path / "form")
    assert not (tmp_path / "form").exists()
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda path: free._replace(free=needed))
    assert made(Request.of("folder", photos), tmp_path / "form")[0].fresh


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cifar1",), "unknown data set 'cifar1'; did you mean 'cifar1"),
        (("floder:x",), "unknown data set 'floder:x'"),
        (("hub:",), "named hub:OWNER/NAME"),
        (("folder",), "folder: where? write folder:PATH, or give --from PATH"),
        (("folder:/no/such",), "/no/such: there is no such folder"),
        (("folder:/tmp", "--from", "/usr"), "says where the images are, and so does --from"),
        (("imagenet", "--from", "/tmp", "resize=3"), "resize: is of no effect on preparing imagenet"),
        (("cifar10", "--from", "/tmp", "labels=coarse"), "data set 'cifar10': got an unexpected keyword"),
        (("cifar10", "--from", "/tmp", "--short-side", "16"), "holds no encoded images"),
        (("imagenet", "--from", "/tmp", "--quality", "80"), "--quality: is that of images stored smaller"),
        (("imagenet", "--short-side", "0"), "short side 0: it must be at least 1"),
        (
            ("imagenet", "--short-side", "256", "--quality", "101"),
            "quality 101: it must lie between 1 and 100",
        ),
    ],
)
def test_wrong_words_are_one_line_and_leave_nothing(tmp_path, words, message):
    answer = CliRunner().invoke(app, ["data", "prepare", *words, f"machine.cache={tmp_path / 'cache'}"])
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert not (tmp_path / "cache").exists()


def test_the_command_says_what_it_made_and_how_to_use_it(photos, tmp_path):
    def call(*words):
        answer = CliRunner().invoke(
            app, ["data", "prepare", *map(str, words), f"machine.cache={tmp_path / 'c'}"]
        )
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    size = sum(path.stat().st_size for path in photos.rglob("*.jpg"))
    printed = call("imagenet", "--from", photos)
    assert "imagenet: 12 training and 6 test images in 2 classes" in printed
    assert f"prepared in {tmp_path / 'c' / 'prepared' / 'imagenet'}\n" in printed
    assert f"use it: data: {{name: imagenet}} with machine.cache={tmp_path / 'c'}" in printed
    assert "was prepared before" in call("imagenet")
    answer = json.loads(call(f"folder:{photos}", "--to", tmp_path / "to", "--short-side", 16, "--json"))
    assert answer["images"] == {"train": 12, "test": 6}
    assert 0 < answer["bytes"] < size
    assert answer["use"] == f"data: {{name: folder:{photos}}} with machine.data_root={tmp_path / 'to'}"
    assert answer["provenance"]["root"] == str(photos)
    assert open_images("folder", Path(answer["folder"]), {}, tmp_path / "c").digest == answer["digest"]
    assert "need no preparation" in call("digits")


def test_names_that_cannot_be_printed_are_no_hindrance(photos, tmp_path):
    save(photos / "train" / "cat" / os.fsdecode(b"\xff\n.jpg"), picture(np.random.default_rng(0), 40, 30))
    done, _ = made(Request.of(f"folder:{photos}"), tmp_path / "form")
    assert done.counts == {"train": 13, "test": 6}
    (photos / "train" / "dog" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"dog/gone.jpg: cannot be read: No such file"):
        made(Request.of(f"folder:{photos}"), tmp_path / "other")


@pytest.mark.parametrize("state", ["[]", "{", "3", "[" * 100_000])
def test_a_damaged_note_of_what_is_under_way_is_one_line(photos, tmp_path, state):
    (tmp_path / "form").mkdir()
    (tmp_path / "form" / "preparing.json").write_text(state)
    with pytest.raises(InputError, match=r"preparing.json: damaged; remove the folder, or choose another"):
        made(Request.of(f"folder:{photos}"), tmp_path / "form")


def test_a_note_of_other_things_is_said_in_words(photos, tmp_path):
    (tmp_path / "form").mkdir()
    (tmp_path / "form" / "preparing.json").write_text('{"re-encoded": 3, "arguments": []}')
    with pytest.raises(InputError, match=r"form: holds None from None, and asked for is folder from"):
        made(Request.of(f"folder:{photos}"), tmp_path / "form")


def test_what_is_left_out_is_said(photos, tmp_path):
    (photos / "train" / "cat" / "notes.txt").write_text("text")
    assert made(Request.of(f"folder:{photos}"), tmp_path / "form")[1] == ["left out: 1 other file (.txt 1)"]


def test_the_column_of_labels_is_chosen_when_it_is_prepared(tmp_path):
    two_kinds_of_classes(tmp_path / "data")
    name, cache = f"parquet:{tmp_path / 'data'}", tmp_path / "cache"

    def call(*words):
        return CliRunner().invoke(app, ["data", "prepare", name, *words, f"machine.cache={cache}"])

    refused = call()
    assert refused.exit_code == 2
    assert "choose one, as data.label=fine_label" in refused.stderr
    answer = call("label=coarse_label")
    assert answer.exit_code == 0, answer.output
    assert f"use it: data: {{name: {name}, label: coarse_label}} with" in answer.stdout
    assert "was prepared before" in call("data.label=coarse_label").stdout
    other = call("label=fine_label")
    assert other.exit_code == 2
    assert "label=coarse_label from" in other.stderr
    images = open_images(name, None, {"label": "coarse_label"}, cache, memory_gib=0)
    assert images.classes == ("x", "y")
    assert "train.bin" in images.train_images.encoded.where(0)
    for asked, said in (({}, "none of them"), ({"label": "fine_label"}, "data.label=fine_label")):
        with pytest.raises(InputError, match=f"the recipe has: data.label=coarse_label and {said}$"):
            open_images(name, None, asked, cache)


def test_a_place_with_odd_characters_is_quoted_for_the_recipe(photos, tmp_path):
    odd = tmp_path / "a, b: {c}"
    photos.rename(odd)
    words = ["data", "prepare", f"folder:{odd}", "--to", str(tmp_path / "form"), "--json"]
    use = json.loads(CliRunner().invoke(app, words).stdout)["use"]
    assert yaml.safe_load(use.partition(" with ")[0]) == {"data": {"name": f"folder:{odd}"}}


def test_without_a_terminal_there_are_lines_instead_of_a_bar():
    with bar(Console(file=io.StringIO(), force_terminal=False)) as tell:
        assert isinstance(tell, Patience)
