"""From the name in a recipe to a trained network: every name and every way to hold the images, one result."""

import json
import os
from pathlib import Path

import pytest
import torch
from encoded_files import encoded, photos, prepared
from safetensors.torch import load_file
from typer.testing import CliRunner

from trickbag.cli.data_fields import parted
from trickbag.cli.main import app
from trickbag.data import canonical, held, open_images
from trickbag.data.opening.prepared import prepared_home
from trickbag.errors import InputError
from trickbag.recipe import Machine, apply
from trickbag.run.single import train_recipe
from trickbag.train import build_session, is_own, resolve
from trickbag.train.catalogue import find


def of(small, name, **data):
    """The small recipe for the images of a name."""
    patch = {"data.name": name, "data.validation": 0.25, "budget.batch_size": 4, "budget.epochs": 1}
    return apply(
        small, {**patch, "data.limit": None, **{f"data.{key}": value for key, value in data.items()}}
    )


def machine_of(tmp_path, **fields):
    return Machine(device="cpu", cache=tmp_path / "cache", **fields)


def trained(recipe, machine, out):
    """The weights and the record of a run."""
    record = train_recipe(recipe, 1, machine.model_copy(update={"keep": "all"}), out=out)
    weights = load_file(out / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in weights.items()}, record


def test_held_streamed_and_prepared_squares_train_the_same_network(small, tmp_path):
    source = photos(tmp_path / "data", count=8)
    recipe = of(small, f"folder:{tmp_path / 'data'}", resize=16)
    kept, record = trained(recipe, machine_of(tmp_path), tmp_path / "a")
    streamed, other = trained(recipe, machine_of(tmp_path, memory_gib=0, loaders=3), tmp_path / "b")
    assert streamed == kept
    assert other.fingerprint == record.fingerprint
    form = prepared(source, tmp_path / "form", "folder", tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "moved")
    plain = of(small, "folder", resize=16)
    for data_root, memory_gib in ((form, None), (form, 0), (tmp_path / "moved", None)):
        machine = machine_of(tmp_path, data_root=data_root, memory_gib=memory_gib)
        weights, other = trained(plain, machine, tmp_path / f"{data_root.name}-{memory_gib}")
        assert weights == kept
        assert other.fingerprint == record.fingerprint  # where the images lie is no part of it
        assert other.top1 == record.top1


def test_originals_from_the_folder_and_from_the_prepared_form_train_the_same_network(small, tmp_path):
    source = photos(tmp_path / "data", count=8)
    recipe = of(small, f"folder:{tmp_path / 'data'}", form="originals", resize=20, crop=16)
    recipe = apply(recipe, {"sample.random_resized_crop": {"size": 16}})
    plain, _ = trained(recipe, machine_of(tmp_path), tmp_path / "a")
    machine = Machine(device="cpu", cache=tmp_path / "other", loaders=1)
    prepared(source, prepared_home(recipe.data.name, machine.cache), "folder", tmp_path / "data")
    assert "prepared" in held(resolve(recipe, machine).images)
    weights, _ = trained(recipe, machine, tmp_path / "b")
    assert weights == plain
    squares, _ = trained(apply(recipe, {"data.form": "squares"}), machine, tmp_path / "c")
    assert squares != plain


def test_a_path_may_be_relative_or_in_the_home_folder(small, tmp_path, monkeypatch):
    photos(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    machine = machine_of(tmp_path)
    names = ("folder:data", "folder:./data/", "folder:~/data", f"folder:{tmp_path}/x/../data")
    resolved = [resolve(of(small, name), machine).recipe for name in names]
    assert {recipe.data.name for recipe in resolved} == {f"folder:{tmp_path / 'data'}"}
    monkeypatch.chdir("/")  # where a worker of the study may stand
    assert resolve(resolved[0], machine).recipe == resolved[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagenet", r"data imagenet: .*trickbag data prepare imagenet, or set machine.data_root=PATH"),
        ("cifar10", r"data cifar10: .*trickbag data prepare cifar10, or set machine.data_root=PATH"),
        ("folder", r"data folder: where\? write folder:PATH, or set machine.data_root=PATH"),
        ("hub:some/thing", "prepare it first: trickbag data prepare hub:some/thing$"),
        ("hub:thing", "named hub:OWNER/NAME$"),
        ("hub:/thing", "named hub:OWNER/NAME$"),
        ("hub", "named hub:OWNER/NAME$"),
        ("folder:", "write folder:PATH$"),
        ("folder:/no/such/place", "/no/such/place is not a folder"),
        ("parquet:/no/such/place", "/no/such/place does not exist"),
        (
            "foldr:/some/place",
            "no module 'foldr' is installed.*images are named folder:PATH, parquet:PATH or hub",
        ),
        ("imagnet", "did you mean 'imagenet'"),
    ],
)
def test_a_name_without_images_is_one_line_that_says_what_would_be_right(small, tmp_path, name, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(of(small, name), machine_of(tmp_path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_prefixes_are_no_modules_of_ones_own(tmp_path):
    assert not any(map(is_own, ("folder:x", "parquet:/x.py", "hub:a/b", "digits")))
    assert is_own("mine.py:folder")
    assert is_own("folder.py:x")
    assert canonical("mine.py:folder") == "mine.py:folder"
    assert find("dataset", "folder:x", tmp_path, "data.name") is find(
        "dataset", "folder", tmp_path, "data.name"
    )


def test_digits_need_no_place_and_mind_no_other_ones(tmp_path, machine):
    form = prepared(photos(tmp_path / "data"), tmp_path / "form")
    images = open_images("digits", form, {}, machine.cache)
    assert held(images) == "1,438 + 359 images in memory (0.1 MiB)"


def test_held_says_how_many_and_why_they_are_streamed(tmp_path):
    photos(tmp_path / "data")
    name, cache = f"folder:{tmp_path / 'data'}", tmp_path / "cache"
    said = {
        (form, gib): held(open_images(name, None, {"form": form, "resize": 1024}, cache, memory_gib=gib))
        for form in ("squares", "originals")
        for gib in (1, 0.0078125)
    }
    # 10 images of 3 x 1024 x 1024 bytes are 30 MiB
    assert said["squares", 1] == "8 + 2 images in memory (30.0 MiB)"
    assert said["squares", 0.0078125] == (
        f"8 + 2 images streamed from {tmp_path / 'data'} (squares; 30.0 MiB are more than machine.memory_gib=0.0078125)"
    )
    assert said["originals", 1] == f"8 + 2 images streamed from {tmp_path / 'data'} (originals)"


def test_bad_files_end_training_before_it_starts_unless_they_are_tolerated(small, tmp_path):
    photos(tmp_path / "data", count=8)
    (tmp_path / "data" / "train" / "a" / "3.jpg").write_bytes(b"text")
    (tmp_path / "data" / "test" / "b" / "0.jpg").write_bytes(encoded(24, 24)[:700])  # its header is whole
    streaming = machine_of(tmp_path, memory_gib=0)
    recipe = of(small, f"folder:{tmp_path / 'data'}", resize=16)
    with pytest.raises(InputError, match=r"train/a/3.jpg: the image cannot be read.*bad_files tolerates 0"):
        resolve(recipe, streaming)
    tolerant = apply(recipe, {"data.bad_files": 2})
    weights, record = trained(tolerant, streaming, tmp_path / "streamed")
    kept, other = trained(tolerant, machine_of(tmp_path), tmp_path / "kept")
    assert weights == kept
    for found in (record, other):
        places = [Path(place).relative_to(tmp_path / "data") for place in found.provenance["bad_files"]]
        assert sorted(map(str, places)) == ["test/b/0.jpg", "train/a/3.jpg"]


def used_by(recipe, tmp_path):
    """The numbers of the training part's images that a run trains on, and of those that it validates on."""
    resolved = resolve(recipe, machine_of(tmp_path / "before", memory_gib=0))
    return set(resolved.train_ids.tolist()), set(resolved.validation_ids.tolist())


@pytest.mark.parametrize("memory_gib", [None, 0])
def test_bad_files_count_where_the_run_uses_them_however_the_images_are_held(small, tmp_path, memory_gib):
    photos(tmp_path / "data", count=8)
    recipe = of(small, f"folder:{tmp_path / 'data'}", resize=16, limit=8)
    (ids, judged), files = used_by(recipe, tmp_path), sorted((tmp_path / "data" / "train").rglob("*.jpg"))
    unused, used = files[min(set(range(16)) - ids - judged)], files[min(judged)]
    for i, content in enumerate((unused.read_bytes()[:700], b"text")):  # the header is whole, or is not
        unused.write_bytes(content)
        machine = machine_of(tmp_path / str(i), memory_gib=memory_gib)
        assert "bad_files" not in train_recipe(recipe, 1, machine).provenance
    used.write_bytes(used.read_bytes()[:700])
    machine = machine_of(tmp_path / "used", memory_gib=memory_gib)
    with pytest.raises(InputError, match=f"{used}: the image cannot be read"):
        train_recipe(recipe, 1, machine)
    tolerant = train_recipe(apply(recipe, {"data.bad_files": 1}), 1, machine)
    assert list(tolerant.provenance["bad_files"]) == [str(used)]


@pytest.mark.parametrize("memory_gib", [None, 0])
def test_a_run_names_the_bad_files_that_it_met_itself(small, tmp_path, memory_gib):
    photos(tmp_path / "data", count=8)
    machine = machine_of(tmp_path, memory_gib=memory_gib)
    recipe = of(small, f"folder:{tmp_path / 'data'}", resize=16, bad_files=1, limit=8)
    other = apply(recipe, {"data.split_seed": 3})
    (mine, judged), (theirs, judged_too) = (used_by(one, tmp_path) for one in (recipe, other))
    files = sorted((tmp_path / "data" / "train").rglob("*.jpg"))
    first, second = (files[min(ids)] for ids in (mine - theirs - judged_too, theirs - mine - judged))
    for path in (first, second):  # together more than one run tolerates
        path.write_bytes(path.read_bytes()[:700])
    for _ in range(2):  # the second time statistics come from the cache
        for tried, met in ((recipe, first), (other, second)):
            session = build_session(resolve(tried, machine), 1, machine)
            assert list(session.resolved.images.bad) == [str(met)]  # as early as its statistics
    strict = apply(recipe, {"data.bad_files": 0})
    with pytest.raises(InputError, match=f"{first}: the image cannot be read"):
        build_session(resolve(strict, machine), 1, machine)


@pytest.mark.parametrize("memory_gib", [None, 0])
def test_images_that_were_encoded_anew_are_said_to_be(small, tmp_path, memory_gib):
    form = prepared(photos(tmp_path / "data", count=8), tmp_path / "form", "folder", tmp_path / "data")
    meta = json.loads((form / "meta.json").read_text())
    meta["provenance"]["re-encoded"] = {"short side": 16, "quality": 90}
    (form / "meta.json").write_text(json.dumps(meta))
    machine = machine_of(tmp_path, data_root=form, memory_gib=memory_gib)
    recipe = of(small, "folder", resize=16)
    assert "re-encoded at short side 16" in held(resolve(recipe, machine).images)
    assert train_recipe(recipe, 1, machine).provenance["re-encoded"] == "re-encoded at short side 16"


def test_looking_at_a_data_set_refuses_what_it_would_not_heed(tmp_path):
    photos(tmp_path / "data")
    words = ["data", "info", f"folder:{tmp_path / 'data'}", f"machine.cache={tmp_path / 'cache'}"]
    answer = CliRunner().invoke(app, [*words, "machine.memory_gib=4"])
    assert answer.exit_code == 2
    assert "machine.memory_gib: images are looked at as they lie here" in answer.output
    assert parted(["machine.device=cuda"])[1].device == "cuda"
    assert parted([])[1].device == "cpu"


def test_train_says_how_images_are_held_and_which_files_were_bad(tmp_path, monkeypatch):
    photos(tmp_path / "data", count=8)
    for i in range(7):
        (tmp_path / "data" / "train" / "a" / f"{i}.jpg").write_bytes(b"text")
    monkeypatch.chdir(tmp_path)
    words = [
        "data.name=folder:data", "data.resize=8", "data.bad_files=7", "data.validation=0.25",
        "model.channels=[8,8,8]", "budget.batch_size=4", "budget.epochs=1",
        f"machine.cache={tmp_path / 'cache'}", "machine.device=cpu",
    ]  # fmt: skip
    answer = CliRunner().invoke(app, ["train", "digits_baseline", *words, "--out", str(tmp_path / "out")])
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert lines[0] == "16 + 2 images in memory (0.0 MiB)"
    start = lines.index("bad files, shown as grey images: 7")
    assert all("jpg: the image cannot be read" in line for line in lines[start + 1 : start + 6])
    assert lines[start + 6] == "  and 2 more, in the record"
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert len(record["provenance"]["bad_files"]) == 7
    assert sorted(os.listdir(tmp_path / "data")) == ["test", "train"]  # nothing is written there


def test_data_sets_are_shown_with_what_their_arguments_mean():
    for name in ("imagenet", "folder", "parquet", "hub"):
        answer = CliRunner().invoke(app, ["show", "dataset", name])
        assert answer.exit_code == 0
        assert "bad_files=0" in answer.output
    assert "the shorter side is resized" in CliRunner().invoke(app, ["show", "dataset", "folder"]).output


def test_a_plan_says_how_the_images_of_its_workloads_are_held(tmp_path, machine):
    lines = "name: x|question: why?|baseline: digits_baseline|factors: [label_smoothing]|seeds: 2|margin: 5"
    (tmp_path / "study.yaml").write_text(lines.replace("|", "\n"))
    words = [str(tmp_path / "study.yaml"), f"machine.cache={machine.cache}", "budget.epochs=1"]
    answer = CliRunner().invoke(app, ["plan", *words])
    assert "digits: 1,438 + 359 images in memory (0.1 MiB)" in answer.output.splitlines()
    assert not (tmp_path / "out").exists()


def test_the_run_record_of_whole_images_names_no_bad_files(small, machine):
    assert "bad_files" not in train_recipe(small, 1, machine).provenance
    assert torch.get_num_threads() == 1
