"""`trickbag data verify`: planted defects are named, duplicates are those of a full comparison, and it continues."""

import hashlib
import json
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from typer.testing import CliRunner

from trickbag.cli import contact_sheet
from trickbag.cli.main import app
from trickbag.data.check import duplicates, examine, ledger_of, look_through
from trickbag.data.check.look import perceptual_hash
from trickbag.data.images import ImageSet
from trickbag.data.index import save_index, survey
from trickbag.data.opening.opening import open_images
from trickbag.data.sources.folder import class_folder
from trickbag.data.view import View


def run(*words: str | Path, code: int) -> str:
    """What the command prints; on stderr for wrong input."""
    done = CliRunner().invoke(app, ["data", "verify", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.stderr if code == 2 else done.stdout


def photo(rng: np.random.Generator) -> Image.Image:
    """A smooth random picture of 96×80 pixels, unlike any other."""
    small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return small.resize((96, 80), Image.Resampling.BICUBIC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound folder of JPEG files: in train/ ten of each of two classes, in test/ five."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 10), ("test", 5)):
        for name in ("cat", "dog"):
            home = tmp_path / "images" / part / name
            home.mkdir(parents=True)
            for i in range(count):
                photo(rng).save(home / f"{i}.jpg", quality=95)
    return tmp_path / "images"


def check(root: Path, cache: Path, code: int, *words: str) -> dict:
    """The report of the command."""
    return json.loads(run("folder", "--root", root, f"machine.cache={cache}", "--json", *words, code=code))


def open_folder(root: Path, cache: Path) -> ImageSet:
    return open_images("folder", root, {}, cache, memory_gib=0)


def test_a_sound_folder_has_nothing_wrong(root: Path, tmp_path: Path) -> None:
    report = check(root, tmp_path / "cache", 0)
    assert report["counts"] == {"train": [10, 10], "test": [5, 5]}
    assert report["read"] == 30
    assert not report["wrong"]
    assert [report[kind] for kind in ("bad", "wrong_labels", "empty_classes", "conflicts", "twins")] == [
        []
    ] * 5
    printed = run("folder", "--root", root, f"machine.cache={tmp_path / 'cache'}", code=0)
    assert "All 30 images were looked at before; --again looks anew." in printed
    assert "folder: nothing is wrong" in printed


def test_every_bad_file_is_named_with_the_reason(root: Path, tmp_path: Path) -> None:
    dog = root / "train" / "dog"
    whole = (dog / "3.jpg").read_bytes()
    (dog / "3.jpg").write_bytes(whole[: len(whole) // 2])
    (dog / "4.jpg").write_text("no image at all")
    (dog / "5.jpg").write_bytes(b"")
    (root / "test" / "cat" / "0.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    report = check(root, tmp_path / "cache", 1)
    assert [bad["image"]["where"] for bad in report["bad"]] == [
        *(str(dog / f"{i}.jpg") for i in (3, 4, 5)),
        str(root / "test" / "cat" / "0.jpg"),
    ]
    assert all(bad["why"].startswith("the image cannot be read") for bad in report["bad"])
    assert "truncated" in report["bad"][0]["why"]  # PIL's word for it
    assert report["twins"] == report["conflicts"] == []
    printed = run("folder", "--root", root, f"machine.cache={tmp_path / 'cache'}", code=1)
    assert "Bad images (4):" in printed
    assert f"{dog / '4.jpg'}: the image cannot be read" in printed
    assert "folder: something is wrong" in printed


def test_duplicates_are_warned_of(root: Path, tmp_path: Path) -> None:
    train, test = root / "train", root / "test"
    with Image.open(train / "cat" / "1.jpg") as image:
        image.save(test / "cat" / "1.jpg", quality=60)  # compressed again
    with Image.open(train / "dog" / "2.jpg") as image:
        ImageEnhance.Brightness(image).enhance(1.1).save(test / "cat" / "2.jpg", quality=95)
    (test / "dog" / "3.jpg").write_bytes((train / "dog" / "3.jpg").read_bytes())
    (train / "dog" / "9.jpg").write_bytes((train / "cat" / "9.jpg").read_bytes())
    (train / "dog" / "8.jpg").write_bytes((train / "dog" / "7.jpg").read_bytes())
    report = check(root, tmp_path / "cache", 0)
    found = {
        twin["test"]["where"]: (twin["train"]["where"], twin["identical"], twin["train"]["label"])
        for twin in report["twins"]
    }
    assert found == {
        str(test / "cat" / "1.jpg"): (str(train / "cat" / "1.jpg"), False, "cat"),
        str(test / "cat" / "2.jpg"): (str(train / "dog" / "2.jpg"), False, "dog"),
        str(test / "dog" / "3.jpg"): (str(train / "dog" / "3.jpg"), True, "dog"),
    }
    assert report["twins"][0]["identical"]
    (conflict,) = report["conflicts"]
    assert [image["where"] for image in conflict] == [str(train / name / "9.jpg") for name in ("cat", "dog")]
    assert report["repeated"] == 2
    printed = run("folder", "--root", root, f"machine.cache={tmp_path / 'cache'}", code=0)
    assert "0.jpg" not in printed
    assert "folder: nothing is wrong; 4 findings about duplicates" in printed
    with Image.open(printed.rpartition("pairs that are alike: ")[2].strip()) as picture:
        assert picture.width > 6 * contact_sheet.TILE  # three pairs side by side


def prepare(root: Path, home: Path) -> None:
    """The prepared form of a folder, as `data.prepared` describes it."""
    source = class_folder(root)
    indices = {name: survey(part) for name, part in source.parts.items()}
    home.mkdir()
    for name, part in source.parts.items():
        data = [part.images.read(i) for i in range(len(part.images))]
        (home / f"{name}.bin").write_bytes(b"".join(data))
        np.save(home / f"{name}.offsets.npy", np.cumsum([0, *map(len, data)], dtype=np.int64))
        save_index(indices[name], home, name)
    digest = ImageSet.encoded(source, indices["train"], indices["test"], View()).digest
    made = {"data set": "folder", "arguments": {}}
    meta = {"format": 1, "kind": "encoded", "classes": source.classes, "digest": digest, "provenance": made}
    (home / "meta.json").write_text(json.dumps(meta))


def test_damage_to_the_prepared_form_is_named(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "prepared"
    prepare(root, home)
    assert not check(home, tmp_path / "cache", 0)["wrong"]
    data = bytearray((home / "train.bin").read_bytes())
    offsets = np.load(home / "train.offsets.npy")
    data[offsets[13] - 2] ^= 1  # in the padding before the end of image 12, where no decoder would notice
    (home / "train.bin").write_bytes(data)
    (bad,) = check(home, tmp_path / "cache", 1)["bad"]
    assert bad["image"]["number"] == 12
    assert bad["image"]["where"].endswith("dog/2.jpg")
    assert "SHA-256 differs" in bad["why"]


def test_labels_changed_in_the_prepared_form_are_noticed(root: Path, tmp_path: Path) -> None:
    home = tmp_path / "prepared"
    prepare(root, home)
    labels = np.load(home / "train.labels.npy")
    labels[0] = 1
    np.save(home / "train.labels.npy", labels)
    report = check(home, tmp_path / "cache", 1)
    assert report["index_differs"]
    assert report["bad"] == report["wrong_labels"] == []
    assert "Damaged index" in run("folder", "--root", home, f"machine.cache={tmp_path / 'cache'}", code=1)


OWN = """
import numpy as np
from trickbag.data import ImageSet

def three(root=None):
    x = np.random.default_rng(0).integers(0, 256, (8, 1, 8, 8), dtype=np.uint8)
    return ImageSet.of((x[:6], np.array([0, 1, 0, 1, 3, -1])), (x[5:], np.array([0, 1, 1])), ("a", "b", "c"))
"""


def test_labels_outside_the_classes_and_empty_classes_of_ones_own_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    report = json.loads(run("own.py:three", f"machine.cache={tmp_path / 'cache'}", "--json", code=1))
    assert [(wrong["image"]["number"], wrong["image"]["label"]) for wrong in report["wrong_labels"]] == [
        (4, "3"),
        (5, "-1"),
    ]
    assert report["empty_classes"] == ["c"]
    assert [(t["test"]["number"], t["train"]["number"], t["identical"]) for t in report["twins"]] == [
        (0, 5, True)
    ]
    assert len(report["conflicts"]) == 1


@pytest.mark.parametrize("cut", [0, 5])  # bytes that a crash left of an entry
def test_an_interrupted_check_goes_on_and_finds_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    monkeypatch.setattr(look_through, "STRETCH", 4)
    bad = root / "train" / "cat" / "0.jpg"
    bad.write_bytes(bad.read_bytes()[:-200])
    (root / "test" / "dog" / "0.jpg").write_bytes((root / "train" / "dog" / "0.jpg").read_bytes())
    images = open_folder(root, tmp_path / "cache")
    whole = examine(images, ledger_of(images, tmp_path / "whole"))

    def stop(progress) -> None:
        if progress.done >= 12:
            raise KeyboardInterrupt

    ledger = ledger_of(images, tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        examine(images, ledger, stop)
    if cut:
        ledger.path.write_bytes(ledger.path.read_bytes()[:-cut])
    told = []
    rest = examine(images, ledger, told.append)
    assert len(rest.bad) == len(rest.twins) == 1
    assert told[0].done == (8 if cut else 12)
    assert told[-1].done == told[-1].total == 30
    assert rest.read == 30 - told[0].done
    assert {**rest.plain(), "read": 30} == whole.plain()
    assert examine(images, ledger).read == 0


def test_again_looks_anew(root: Path, tmp_path: Path) -> None:
    assert check(root, tmp_path / "cache", 0)["read"] == 30
    assert check(root, tmp_path / "cache", 0)["read"] == 0
    assert check(root, tmp_path / "cache", 0, "--again")["read"] == 30
    (root / "train" / "cat" / "0.jpg").write_text("changed since")
    assert len(check(root, tmp_path / "cache", 1)["bad"]) == 1


def test_any_content_of_the_ledger_is_borne(root: Path, tmp_path: Path) -> None:
    images = open_folder(root, tmp_path / "cache")
    ledger = ledger_of(images, tmp_path / "cache")
    lines = ['{"part": "train", "start": -3, "hashes": "00", "wrong": {}}', "[]", "null", '"x"', "\xff\x00"]
    lines += ['{"part": "test", "start": 8, "hashes": "%s", "wrong": {}}' % ("0" * 64)]  # beyond the end
    lines += ['{"part": "train", "start": 0, "hashes": "%s", "wrong": {"9": "x"}}' % ("0" * 32)]
    ledger.path.write_text("\n".join(lines))
    assert examine(images, ledger).read == 30


def test_hashes_are_those_of_imagehash() -> None:
    """Against the hexadecimal form that ImageHash itself prints."""
    for shape in ((8, 8, 1), (32, 32, 3), (50, 70, 3)):
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        image = Image.fromarray(pixels.squeeze())
        assert perceptual_hash(pixels) == int(str(imagehash.phash(image)), 16)


@pytest.mark.parametrize("candidates", [3, 2**20])
def test_the_search_finds_what_a_full_comparison_finds(
    monkeypatch: pytest.MonkeyPatch, candidates: int
) -> None:
    """Random hashes, and copies of them with up to eight bits changed, against all pairs one by one."""
    monkeypatch.setattr(duplicates, "_CANDIDATES", candidates)
    rng = np.random.default_rng(1)
    others = rng.integers(0, 2**64, 400, dtype=np.uint64)
    others[:20] = others[20:40]
    hashes = rng.choice(others, 150)
    for i in range(150):
        for bit in rng.choice(64, i % 9, replace=False):
            hashes[i] ^= np.uint64(1 << int(bit))
    distance = np.bitwise_count(hashes[:, None] ^ others[None]).astype(int)
    near = distance <= duplicates.NEAR
    found = duplicates.alike(hashes, others)
    assert found.ids.tolist() == np.flatnonzero(near.any(1)).tolist()
    assert found.distance.tolist() == distance.min(1)[found.ids].tolist()
    assert found.nearest.tolist() == distance.argmin(1)[found.ids].tolist()
    assert found.total.tolist() == near.sum(1)[found.ids].tolist()
    assert 60 < len(found.ids) < 150


def test_the_search_without_images() -> None:
    none, some = np.empty(0, np.uint64), np.arange(3, dtype=np.uint64)
    assert [len(duplicates.alike(*pair).ids) for pair in ((none, some), (some, none), (none, none))] == [
        0
    ] * 3
    assert duplicates.equal(np.empty((0, 32), np.uint8)) == []


def test_equal_rows_are_grouped() -> None:
    rows = np.frombuffer(b"".join(hashlib.sha256(c.encode()).digest() for c in "abcabdx"), np.uint8).reshape(
        -1, 32
    )
    assert [group.tolist() for group in duplicates.equal(rows)] == [[0, 3], [1, 4]]
    assert duplicates.equal(rows[[0, 1, 2]]) == []
    assert [group.tolist() for group in duplicates.equal(rows[[0, 0, 0]])] == [[0, 1, 2]]


@pytest.mark.slow
def test_real_cifar10(shared_data: Path, tmp_path: Path) -> None:
    """The real test images have near-duplicates among the training images (Barz and Denzler 2020 list 3.3 %)."""
    words = ("cifar10", "--root", shared_data / "cifar10", f"machine.cache={tmp_path}", "--json")
    report = json.loads(run(*words, code=0))
    assert report["counts"] == {"train": [5000] * 10, "test": [1000] * 10}
    assert not report["wrong"]
    assert 0 < len(report["twins"]) < 330


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cifr10",), "unknown dataset 'cifr10'; did you mean 'cifar10'?"),
        (("folder", "--root", "nowhere"), "nowhere is not a folder"),
        (("digits", "size=3"), "unknown argument 'size'"),
        (("digits", "machine.cash=3"), "did you mean 'cache'?"),
        (("digits", "resize"), "'resize': a field is set as field=value"),
    ],
)
def test_wrong_input_is_one_line(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    line = run(*words, f"machine.cache={tmp_path / 'cache'}", code=2)
    assert message in line
    assert line.count("\n") == 1
    assert not (tmp_path / "cache").exists()


def test_digits_pass(tmp_path: Path) -> None:
    printed = run("digits", f"machine.cache={tmp_path}", code=0)
    assert "digits: nothing is wrong" in printed
    assert "1,438" in printed


def test_fewer_images_than_were_published_are_wrong(root: Path, tmp_path: Path) -> None:
    """ImageNet has 1,281,167 training and 50,000 validation images (Russakovsky et al. 2015, table 2)."""
    words = ("imagenet", "--root", root, f"machine.cache={tmp_path / 'cache'}")
    printed = run(*words, code=1)
    assert "the published imagenet has 1,281,167 + 50,000 images; these are not all, or others" in printed
    assert "imagenet: something is wrong" in printed
    report = json.loads(run(*words, "--json", code=1))
    assert report["wrong"]
    assert report["published"] == [1_281_167, 50_000]
