"""Data sets of the hub, against a local server that speaks the hub's API as its own library asks it."""

import hashlib
import json
import shutil

import pytest
from http_server import file, running, status

from trickbag.data.fetch import fetch
from trickbag.data.fetch.shards import choose
from trickbag.errors import InputError

COMMIT, OTHER = "a" * 40, "b" * 40
API = "/api/datasets/owner/name"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The server, where the library looks for the hub."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def put_repository(hub, content, *, commit=COMMIT, revision=None, card=None, stored=True):
    """Serve a repository: path → bytes, as the API lists it and as its files are resolved."""
    siblings = [
        {
            "rfilename": path,
            "size": len(data),
            "blobId": hashlib.sha1(data).hexdigest(),
            **({"lfs": lfs(data)} if stored else {}),
        }
        for path, data in content.items()
    ]
    said = {"id": "owner/name", "sha": commit, "siblings": siblings, "tags": [], "private": False}
    at = f"{API}/revision/{revision.replace('/', '%2F')}" if revision else API
    put_json(hub, at, {**said, **({"cardData": {"configs": card}} if card else {})})
    for path, data in content.items():
        hub.put(f"/datasets/owner/name/resolve/{commit}/{path}", file(data))


def lfs(data):
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}


def put_json(hub, path, content):
    data = json.dumps(content).encode()

    def give(exchange):
        exchange.head(200, Content_Type="application/json", Content_Length=len(data))
        exchange.body(data)

    hub.put(path, give)


def shard(name):
    return f"the bytes of {name}".encode() * 1000


def shards(*paths):
    return {path: shard(path) for path in paths}


OWN = shards("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-0.parquet")


def held(folder):
    """Name → bytes of the Parquet files in a folder."""
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def fails(name, into):
    """The one line of a data set that cannot be had."""
    with pytest.raises(InputError) as caught:
        fetch(name, into)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_repositorys_own_parquet_comes_whole_and_once(hub, tmp_path):
    put_repository(hub, {**OWN, "README.md": b"hello"})
    heard = []
    assert fetch("hub:owner/name", tmp_path / "new", heard.append) == tmp_path / "new"
    assert held(tmp_path / "new") == {
        "train-00000-of-00002.parquet": shard("data/train-00000-of-00002.parquet"),
        "train-00001-of-00002.parquet": shard("data/train-00001-of-00002.parquet"),
        "test-00000-of-00001.parquet": shard("data/test-0.parquet"),
    }
    total = sum(map(len, OWN.values()))
    assert heard[-1] == ("downloading hub:owner/name", total, total, "bytes")
    source = json.loads((tmp_path / "new" / "source.json").read_text())
    assert (source["commit"], source["repository"]) == (COMMIT, "owner/name")
    assert [file["sha256"] for file in source["files"] if file["path"] == "data/test-0.parquet"] == [
        hashlib.sha256(shard("data/test-0.parquet")).hexdigest()
    ]
    asked = [asked for asked in hub.asked if "/owner/name" in asked.path]  # the library asks for more
    assert {asked.headers["Authorization"] for asked in asked} == {"Bearer hf_secret"}
    assert len(asked) == 1 + len(OWN)
    hub.asked.clear()
    fetch("hub:owner/name", tmp_path / "new")
    assert not hub.asked  # nothing is asked for what is there


def test_a_broken_download_goes_on_at_the_same_commit(hub, tmp_path):
    """The repository has moved on meanwhile; shards of two versions would not fit together."""
    put_repository(hub, OWN)
    gone = hub.answers.pop(f"/datasets/owner/name/resolve/{COMMIT}/data/test-0.parquet")
    assert "404" in fails("hub:owner/name", tmp_path)
    hub.answers[f"/datasets/owner/name/resolve/{COMMIT}/data/test-0.parquet"] = gone
    put_repository(hub, shards("data/train-0.parquet", "data/test-0.parquet"), commit=OTHER)
    fetch("hub:owner/name", tmp_path)
    assert sorted(held(tmp_path).values()) == sorted(OWN.values())
    assert not any(OTHER in asked.path for asked in hub.asked)


def test_bytes_that_are_not_those_of_the_commit_are_refused(hub, tmp_path):
    put_repository(hub, OWN)
    wrong = shard("data/test-0.parquet")[::-1]
    hub.put(f"/datasets/owner/name/resolve/{COMMIT}/data/test-0.parquet", file(wrong))
    assert "has wrong bytes" in fails("hub:owner/name", tmp_path)
    assert "test-00000-of-00001.parquet" not in held(tmp_path)


def test_a_repository_without_parquet_is_taken_as_the_hub_converts_it(hub, tmp_path):
    put_repository(
        hub, {"images.zip": b"zip", "README.md": b""}, card=[{"config_name": "x", "data_files": "*.zip"}]
    )
    converted = shards(
        "default/train/0000.parquet", "default/train/0001.parquet", "default/validation/0000.parquet"
    )
    put_repository(hub, converted, commit=OTHER, revision="refs/convert/parquet")
    fetch("hub:owner/name", tmp_path)
    assert held(tmp_path) == {
        "train-00000-of-00002.parquet": shard("default/train/0000.parquet"),
        "train-00001-of-00002.parquet": shard("default/train/0001.parquet"),
        "validation-00000-of-00001.parquet": shard("default/validation/0000.parquet"),
    }


def test_a_revision_and_a_configuration_can_be_named(hub, tmp_path):
    content = shards(
        "big/train-0.parquet", "big/test-0.parquet", "small/train-0.parquet", "small/test-0.parquet"
    )
    put_repository(hub, content, revision="v1.0")
    fetch("hub:owner/name/small@v1.0", tmp_path)
    assert set(held(tmp_path).values()) == {shard("small/train-0.parquet"), shard("small/test-0.parquet")}


def test_several_configurations_are_listed(hub, tmp_path):
    put_repository(hub, shards("big/train-0.parquet", "small/train-0.parquet"))
    line = fails("hub:owner/name", tmp_path / "new")
    assert line == (
        "hub:owner/name: has the configurations big, small; name one of them, as hub:owner/name/big"
    )
    assert "there is no configuration 'tiny'; there are big, small" in fails(
        "hub:owner/name/tiny", tmp_path / "new"
    )
    assert not (tmp_path / "new").exists()


def test_the_first_failure_stops_the_others(hub, tmp_path):
    """One shard is missing, the others would be tried again for minutes."""
    put_repository(hub, OWN)
    first, *others = [f"/datasets/owner/name/resolve/{COMMIT}/{path}" for path in OWN]
    hub.answers.pop(first)
    for path in others:
        hub.put(path, status(503, Retry_After=500))
    assert "404" in fails("hub:owner/name", tmp_path)


def test_a_small_file_outside_large_file_storage_has_its_size_checked(hub, tmp_path):
    put_repository(hub, OWN, stored=False)
    fetch("hub:owner/name", tmp_path)
    assert sorted(held(tmp_path).values()) == sorted(OWN.values())


def test_files_lie_in_the_folder_whatever_the_repository_calls_them(hub, tmp_path):
    put_repository(hub, shards("../../../train-0.parquet"))
    fetch("hub:owner/name", tmp_path / "in" / "here")
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.parquet")]
    assert found == ["in/here/train-00000-of-00001.parquet"]


@pytest.mark.parametrize(
    "change", [{"name": "../train.parquet"}, {"bytes": "9"}, {"path": None}, {"sha256": 3}]
)
def test_a_damaged_note_of_the_source_is_one_line(hub, tmp_path, change):
    put_repository(hub, OWN)
    fetch("hub:owner/name", tmp_path)
    source = json.loads((tmp_path / "source.json").read_text())
    source["files"][0].update(change)
    (tmp_path / "source.json").write_text(json.dumps(source))
    assert "source.json: damaged" in fails("hub:owner/name", tmp_path)


ERRORS = [
    (status(404, X_Error_Code="RepoNotFound"), "no such data set, or it is private"),
    (status(401), "does not know your login"),
    (
        status(403, X_Error_Code="GatedRepo"),
        r"accept its terms at https://huggingface.co/datasets/owner/name",
    ),
    (status(500), "the hub refuses: Server error '500 Internal Server Error'"),
    (status(200), "cannot be asked"),
]


@pytest.mark.parametrize(("answer", "line"), ERRORS, ids=range(len(ERRORS)))
def test_what_the_hub_refuses_is_one_line(hub, tmp_path, answer, line):
    hub.put(API, answer)
    assert line in fails("hub:owner/name", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "content", [[], {"id": 3}, {"id": "x", "sha": COMMIT, "siblings": [{"rfilename": 3}]}]
)
def test_nonsense_from_the_hub_is_one_line(hub, tmp_path, content):
    put_json(hub, API, content)
    assert fails("hub:owner/name", tmp_path / "new").startswith("hub:owner/name: ")


def test_a_gated_data_set_lists_its_files_but_does_not_give_them(hub, tmp_path):
    put_repository(hub, OWN)
    for path in OWN:
        hub.put(f"/datasets/owner/name/resolve/{COMMIT}/{path}", status(403))
    assert "accept its terms" in fails("hub:owner/name", tmp_path)


def test_missing_revisions_and_missing_parquet_are_one_line(hub, tmp_path):
    not_there = status(404, X_Error_Code="RevisionNotFound")
    hub.put(f"{API}/revision/v9", not_there)
    assert fails("hub:owner/name@v9", tmp_path / "new").endswith("there is no revision 'v9' in this data set")
    put_repository(hub, {"images.zip": b"zip"})
    hub.put(f"{API}/revision/refs%2Fconvert%2Fparquet", not_there)
    assert "no Parquet files" in fails("hub:owner/name", tmp_path / "new")


def test_no_network_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
    said = fails("hub:owner/name", tmp_path / "new")
    assert "the hub cannot be reached (" in said
    assert said.endswith("check that this machine is online, and say the same again")


def test_free_space_is_looked_at_first(hub, tmp_path, monkeypatch):
    put_repository(hub, OWN)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**30, 2**30, 1000))
    assert "GiB are needed" in fails("hub:owner/name", tmp_path)
    assert not any("/resolve/" in asked.path for asked in hub.asked)


@pytest.mark.parametrize("name", ["name", "owner/name/config/more", "owner/name@", "owner name/x", "/", ""])
def test_other_names_are_refused(tmp_path, name):
    assert f"hub:{name}: is no data set of the hub" in fails(f"hub:{name}", tmp_path / "new")


def test_a_folder_of_something_else_is_left_alone(hub, tmp_path):
    put_repository(hub, OWN)
    (tmp_path / "train-0.parquet").write_bytes(b"mine")
    assert "holds Parquet files of another origin" in fails("hub:owner/name", tmp_path)
    (tmp_path / "train-0.parquet").unlink()
    fetch("hub:owner/name", tmp_path)
    assert "holds hub:owner/name, not hub:owner/other" in fails("hub:owner/other", tmp_path)
    (tmp_path / "source.json").write_text('{"format": 1}')
    assert "damaged" in fails("hub:owner/name", tmp_path)


CARDS = [  # what the documentation of the hub's cards shows, and what people write
    [
        {
            "config_name": "a",
            "data_files": [{"split": "train", "path": "x/1*"}, {"split": "test", "path": ["x/2*"]}],
        }
    ],
    [{"config_name": "a", "data_files": {"train": "x/1*", "test": ["x/2.parquet"]}}],
    [
        {"config_name": "b", "data_files": [{"split": "train", "path": "y/*"}]},
        {
            "config_name": "a",
            "data_files": [{"split": "train", "path": "./x/1.parquet"}, {"split": "test", "path": "x/2*"}],
            "default": True,
        },
    ],
]


@pytest.mark.parametrize("card", CARDS, ids=range(len(CARDS)))
def test_the_card_decides(card):
    chosen = choose(["x/1.parquet", "x/2.parquet", "y/1.parquet"], card, None, "hub:o/n")
    assert chosen == {"train": ["x/1.parquet"], "test": ["x/2.parquet"]}


@pytest.mark.parametrize(
    "card", [None, "a", 3, [3, None], [{"data_files": 3}], [{"data_files": [{"path": {}}]}]]
)
def test_without_a_useful_card_the_names_decide(card):
    """The layouts of uoft-cs/cifar10, of ILSVRC/imagenet-1k and of plain folders."""
    for paths, expected in [
        (
            ["plain_text/test-00000-of-00001.parquet", "plain_text/train-00000-of-00001.parquet"],
            {
                "train": ["plain_text/train-00000-of-00001.parquet"],
                "test": ["plain_text/test-00000-of-00001.parquet"],
            },
        ),
        (
            [f"data/{part}-{i}.parquet" for part in ("train", "validation", "test") for i in (0, 1)],
            {part: [f"data/{part}-{i}.parquet" for i in (0, 1)] for part in ("train", "validation", "test")},
        ),
        (
            ["train/0.parquet", "val/0.parquet"],
            {"train": ["train/0.parquet"], "validation": ["val/0.parquet"]},
        ),
        (["train.parquet"], {"train": ["train.parquet"]}),
    ]:
        assert choose(paths, card, None, "hub:o/n") == expected


@pytest.mark.parametrize(
    ("paths", "line"),
    [
        (["test.parquet"], "there is no training part among its Parquet files (test)"),
        (["x.parquet"], "are not named after parts"),
        (["default/partial-train/0000.parquet"], "has only a part of it as Parquet"),
    ],
)
def test_files_that_are_not_a_whole_data_set_are_refused(paths, line):
    with pytest.raises(InputError) as caught:
        choose(paths, None, None, "hub:o/n")
    assert line in str(caught.value)
