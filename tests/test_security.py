"""A study's folder may come from anyone: nothing in it is run, followed out of it or believed unchecked."""

import ast
import csv
import io
import json
import os
import pickle
import random
import re
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from command_line import trickbag
from markdown_it import MarkdownIt
from report_page import Page
from rich.color import ColorSystem
from rich.text import Text
from safetensors.torch import save_file
from study_records import IDS, by_seed, complete, freeze, plan_of

import trickbag as package
from trickbag.cli.console import Console
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply
from trickbag.recipe import text as recipe_text
from trickbag.records.chain import link_hash
from trickbag.train import build_session, resolve
from trickbag.train.checkpoint import load_checkpoint

PACKAGE = Path(package.__file__).parent

READERS = ("status", "plan", "analyze", "open-test", "report")
FILES = {"report.html", "report.md", "report.tex", "results.json", "results.csv", "plan.json", ".lock"}
HITS = {"baseline": (900, 905, 910), "a": (930, 931, 940), "b": (905, 904, 911)}
OWN_CODE = "import pathlib\npathlib.Path({!r}).touch()\n"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with test images, its results and its report; never changed."""
    folder = tmp_path_factory.mktemp("finished") / "study"
    plan = freeze(folder, plan_of(["a", "b"], 3, test_images=len(IDS)))
    complete(folder, plan, {("w", name): by_seed(right) for name, right in HITS.items()}, test=True)
    for verb in ("analyze", "report"):
        trickbag(verb, folder)
    return folder


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """A copy, beside which lies something that nobody may touch."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("precious")
    return Path(shutil.copytree(finished, tmp_path / "study"))


def outside(study: Path) -> dict[str, bytes]:
    """All that lies beside a study's folder."""
    beside = (p for p in study.parent.rglob("*") if study not in (p, *p.parents))
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in beside}


def read_all(study: Path, verbs: tuple[str, ...] = READERS) -> dict[str, str]:
    """Every command that only reads, in this process: what it says where it refuses, in one line; else nothing."""
    before, said = outside(study), {}
    for verb in verbs:
        try:
            trickbag(verb, study)
            said[verb] = ""
        except AssertionError:
            said[verb] = trickbag(verb, study, code=2)
            assert said[verb].startswith("trickbag: "), said
            assert said[verb].count("\n") == 1, said
    assert outside(study) == before
    return said


def rewritten(study: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the plan in plan.json as somebody who knows how its hashes are made."""
    plain = json.loads((study / "plan.json").read_text())
    change(plain["entries"][0]["body"])
    chain(plain)
    (study / "plan.json").write_text(json.dumps(plain))


def chain(plain: dict[str, Any]) -> None:
    """Make every hash fit."""
    previous = None
    for entry in plain["entries"]:
        entry["previous"] = previous
        entry["hash"] = previous = link_hash({k: v for k, v in entry.items() if k != "hash"})


def test_own_python_files_and_modules_of_wellknown_names_are_not_imported(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a folder holds beside its records: reading it runs none of it, even from within the folder."""
    marker = study.parent / "ran"
    for name in ("my_lab", "numpy", "yaml", "trickbag_study", "conftest", "sitecustomize", "pyarrow_own"):
        (study / f"{name}.py").write_text(OWN_CODE.format(str(marker)))
        (study / "runs" / f"{name}.py").write_text(OWN_CODE.format(str(marker)))

    def name_own(body: dict[str, Any]) -> None:
        for arm in body["arms"]:
            arm["recipe"]["model"]["name"] = "my_lab.py:Net"
            arm["recipe"]["data"]["name"] = "my_lab:images"
            arm["recipe"]["sources"] = {"my_lab.py": "0"}

    rewritten(study, name_own)
    for record in study.glob("runs/*/run.json"):
        plain = json.loads(record.read_text())
        record.write_text(json.dumps(plain | {"recipe": {"model": {"name": "my_lab.py:Net"}}}))
    (study / "results.json").unlink()
    monkeypatch.chdir(study)
    known = set(sys.modules)
    said = read_all(study)
    assert not any(said.values()), said
    assert not marker.exists()
    assert not [name for name in set(sys.modules) - known if "my_lab" in name or "trickbag_own" in name]


@pytest.mark.parametrize(
    "name", ["../../outside", "/etc", "..", ".", "", "a/../../../outside", "x\u0000y", "a\nb", "n" * 300]
)
def test_a_run_whose_name_leads_elsewhere_is_refused(study: Path, name: str) -> None:
    """Its id names a folder of the study; every reader says so before it looks anywhere."""
    (study.parent / "outside" / "run.json").write_text("{}")

    def rename(body: dict[str, Any]) -> None:
        body["phases"][0]["runs"][1]["id"] = name

    rewritten(study, rename)
    for words in read_all(study).values():
        assert "cannot be the name of a run's folder" in words


def test_links_in_place_of_files_are_never_written_through(study: Path) -> None:
    """A reader replaces a link by its own file, and takes none for a lock, which it would have to write into."""
    precious = study.parent / "outside" / "precious"
    for name in FILES - {"plan.json"}:
        (study / name).unlink(missing_ok=True)
        (study / name).symlink_to(precious)
    said = read_all(study)
    assert precious.read_text() == "precious"
    assert ".lock: a regular file is expected" in said["open-test"]
    assert not (study / "report.html").is_symlink()


@pytest.mark.parametrize("name", ["plan.json", "results.json", "run.json", "correct.npz", ".lock"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "folder"])
def test_what_is_no_file_neither_hangs_nor_fills_the_memory(study: Path, name: str, kind: str) -> None:
    """A pipe that nobody writes to would be waited for for ever, /dev/zero be read for ever."""
    places = [study] if (study / name).exists() or name == ".lock" else sorted((study / "runs").iterdir())
    for place in places:
        (place / name).unlink(missing_ok=True)
        match kind:
            case "pipe":
                os.mkfifo(place / name)
            case "endless":
                (place / name).symlink_to("/dev/zero")
            case "folder":
                (place / name).mkdir()
    verbs = {"results.json": ("report",), ".lock": ("open-test",), "run.json": ("status", "analyze")}
    said = read_all(study, verbs.get(name, ("analyze",)))
    assert all(name in words for words in said.values()), said


def npy(shape: tuple[int, ...], kind: str, data: bytes) -> bytes:
    """An array file that says what it likes of itself (numpy's format 1.0)."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}"
    head = head.ljust(118 - 1) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def archive(path: Path, compression: int, **members: bytes) -> None:
    """An .npz file."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)


def bits_of(kind: str, path: Path) -> None:
    """A hostile file in place of a run's bits."""
    good = npy((8 * len(IDS),), "|u1", b""), npy((125,), "|u1", bytes(125))
    ids = npy((len(IDS),), "<i8", IDS.astype("<i8").tobytes())
    match kind:
        case "objects":
            with path.open("wb") as file:
                np.savez(file, ids=np.array([Touch(path.parent / "ran")], object), allow_pickle=True)
        case "pickle":
            path.write_bytes(pickle.dumps(Touch(path.parent / "ran")))
        case "bomb":  # 1 MB on disk, 1 GiB once it is unpacked
            archive(
                path, zipfile.ZIP_DEFLATED, ids=npy((2**20,), "<i8", bytes(2**23)), top1=good[1], top5=good[1]
            )
        case "huge":
            archive(path, zipfile.ZIP_STORED, ids=npy((2**60,), "<i8", b"123"), top1=good[1], top5=good[1])
        case "short":
            archive(path, zipfile.ZIP_STORED, ids=ids, top1=npy((3,), "|u1", b"123"), top5=good[1])
        case "other kind":
            archive(path, zipfile.ZIP_STORED, ids=npy((1,), "|V8", bytes(8)), top1=good[1], top5=good[1])
        case "nested header":
            archive(path, zipfile.ZIP_STORED, ids=npy((1,), "(" * 60, bytes(8)), top1=good[1], top5=good[1])
        case "missing":
            archive(path, zipfile.ZIP_STORED, ids=ids)
        case "torn":
            path.write_bytes(path.read_bytes()[:500])


class Touch:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    "kind", ["objects", "pickle", "bomb", "huge", "short", "other kind", "nested header", "missing", "torn"]
)
@pytest.mark.parametrize("name", ["correct.npz", "test.sealed.npz"])
def test_hostile_bits_are_one_line_and_nothing_of_them_is_run(study: Path, name: str, kind: str) -> None:
    place = sorted((study / "runs").iterdir())[0]
    bits_of(kind, place / name)
    verb = "analyze" if name == "correct.npz" else "open-test"
    said = read_all(study, (verb,))
    assert f"{name}: the bits of this run cannot be read" in said[verb]
    assert not list(study.rglob("ran"))


def nodes(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values within plain data; of long lists the first two items."""
    yield path
    items = (
        plain.items() if isinstance(plain, dict) else enumerate(plain[:2]) if isinstance(plain, list) else ()
    )
    for key, value in items:
        yield from nodes(value, (*path, key))


def put(plain: Any, path: tuple[Any, ...], value: Any) -> None:
    """Replace the value at a place, or remove it where the value is None."""
    for key in path[:-1]:
        plain = plain[key]
    if value is None:
        del plain[path[-1]]
    else:
        plain[path[-1]] = value


DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
VALUES = (None, "", "../../x", "[/] \x1b[31m", -1, 0, 2**62, 1e308, [], {}, [[]], {"a": None}, True, DEEP)


@pytest.mark.parametrize("name", ["plan.json", "run.json", "results.json"])
def test_damaged_records_are_read_or_refused_in_one_line(study: Path, finished: Path, name: str) -> None:
    """Values at random places replaced by others, the plan's hashes made to fit: no traceback, exit code 0 or 2."""
    where = next(iter(sorted(study.rglob(name))))
    original = (finished / where.relative_to(study)).read_bytes()
    places = [path for path in nodes(json.loads(original)) if path]
    draw, readers = random.Random(7), ("report",) if name == "results.json" else READERS[:3]
    for case in range(CASES // 5 if name == "results.json" else CASES):  # a page with charts takes long
        plain = json.loads(original)
        put(plain, place := draw.choice(places), value := draw.choice(VALUES))
        if name == "plan.json" and isinstance(plain.get("entries"), list):
            try:
                chain(plain)
            except (TypeError, KeyError, AttributeError):
                continue
        where.write_text(json.dumps(plain))
        for file in ("results.json",) if name != "results.json" else ():
            shutil.copyfile(finished / file, study / file)
        try:
            read_all(study, readers)
        except AssertionError as error:
            raise AssertionError(f"case {case}: {place} = {str(value)[:40]}: {str(error)[-1500:]}") from None


CASES = int(os.environ.get("TRICKBAG_SECURITY_CASES", "30"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested more than 64 levels deep"),
        ('{"format": 1, "x": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64 levels deep"),
        ('{"format": 1, "x": NaN}', "NaN is not a finite number"),
        ('{"format": 1, "x": 1e999}', "1e999 is not a finite number"),
        ('{"format": 1, "x": ' + "9" * 5000 + "}", "too large a number"),
        ('{"format": 1, "x": "\\ud800"}', "surrogates not allowed"),
        ("[]", "a file of format 1 is expected"),
        ("", "damaged"),
        ("\x00\xff", "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["plan.json", "run.json", "results.json"])
def test_json_that_no_record_is_made_of_is_refused(study: Path, name: str, text: str, message: str) -> None:
    where = next(iter(sorted(study.rglob(name))))
    where.write_bytes(text.encode("latin-1"))
    said = read_all(study, ("report",) if name == "results.json" else ("analyze",))
    assert message in "".join(said.values())
    assert str(where) in "".join(said.values())


def test_a_plan_that_does_not_hang_together_is_refused_by_what_is_wrong(study: Path) -> None:
    def run_of_nobody(body: dict[str, Any]) -> None:
        body["phases"][0]["runs"][0]["arm"] = "nobody"

    rewritten(study, run_of_nobody)
    said = read_all(study, READERS[:2])
    assert set(said.values()) == {f"trickbag: {study}/plan.json: damaged: workload w has no arm 'nobody'\n"}


@pytest.mark.parametrize("written", ["yesterday", "[/]\u001b[2J", "9" * 400])
def test_a_run_that_was_taken_up_at_no_time_is_refused(study: Path, written: str) -> None:
    place = sorted((study / "runs").iterdir())[0]
    (place / "run.json").unlink()
    started = {"format": 1, "engine": "[red]", "host": "h", "process": 1, "written": written}
    (place / "started.json").write_text(json.dumps(started))
    assert "started.json: damaged: written: Value error" in read_all(study, ("status",))["status"]
    started["written"] = "2026-01-01T00:00:00+00:00"
    (place / "started.json").write_text(json.dumps(started))
    assert "seed 1, [red], process 1 on h" in trickbag("status", study)


NAMES = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script></style></svg>", "a|b `c` ![x](//e.vil/p)",
    "=HYPERLINK(\"http://e.vil\")", "@SUM(1)", "\x1b]0;owned\x07\x1b[2J", "[red]x[/red][/]", ":skull: {{7*7}}",
    "\\input{/etc/passwd}%#^^M", "-1+cmd|' /C calc'!A0", "&lt;b&gt;", "javascript:alert(1)",
)  # fmt: skip


@pytest.fixture(scope="session")
def infamous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study whose arms, tricks, classes, workload, messages and reasons have names that attack."""
    folder = tmp_path_factory.mktemp("infamous") / "study"
    plan = plan_of([str(i) for i in range(len(NAMES))], 2)
    names = dict(zip((arm.name for arm in plan.arms), ("baseline", *NAMES), strict=True))
    here = {"workload": NAMES[1]}
    arms = tuple(
        arm.model_copy(
            update={**here, "name": names[arm.name], "tricks": (name := names[arm.name],)}
            | {"diff": {f"batch.{name}": (name, {name: name})}}
        )
        for arm in plan.arms
    )
    loads = (plan.workloads[0].model_copy(update={"name": NAMES[1], "classes": NAMES}),)
    pairs = tuple(pair.model_copy(update={**here, "arm": names[pair.arm]}) for pair in plan.comparisons)
    runs = tuple(run.model_copy(update={**here, "arm": names[run.arm]}) for run in plan.runs)
    why = {"rule": NAMES[7], "reasons": dict.fromkeys(NAMES, NAMES[0])}
    phases = (plan.phases[0].model_copy(update={"runs": runs, **why}),)
    study = {"name": NAMES[0], "question": NAMES[2]}
    told = {"arms": arms, "workloads": loads, "phases": phases, "study": study, "comparisons": pairs}
    told |= {"dropped": {NAMES[1]: NAMES[2]}, "not_applicable": {NAMES[1]: {NAMES[4]: NAMES[6]}}}
    told |= {"design": NAMES[7]}
    plan = freeze(folder, plan.model_copy(update=told))
    hits = {(arm.workload, arm.name): {1: 900 + i, 2: 903 + i} for i, arm in enumerate(plan.arms)}
    complete(folder, plan, hits)
    failed = folder / "runs" / plan.runs[-1].id
    record = json.loads((failed / "run.json").read_text())
    told = {"status": "failed", "top1": None, "top5": None, "message": NAMES[4] + NAMES[6]}
    (failed / "run.json").write_text(json.dumps(record | told))
    return folder


def test_names_give_no_orders_in_any_report(infamous: Path, tmp_path: Path) -> None:
    """The page's tags are those of the same page with harmless names; nothing in it is loaded from anywhere."""
    study = Path(shutil.copytree(infamous, tmp_path / "study"))
    for verb in ("analyze", "report"):
        trickbag(verb, study)
    page = (study / "report.html").read_text(encoding="utf-8")
    read = Page(page)
    assert not read.tags & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "image",
        "use",
    }
    assert not [
        a for a in read.attributes if a[1].startswith("on") or a[1] in ("src", "srcset", "action", "data")
    ]
    assert {a[2][:1] for a in read.attributes if a[1].endswith("href")} == {"#"}
    assert not re.search(r"@import|url\((?!#)|expression\(", re.sub(r">[^<]*<", "><", page))
    (policy,) = [
        a[2] for a in read.attributes if a[0] == "meta" and a[1] == "content" and "default-src" in a[2]
    ]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    for name in NAMES:
        assert " ".join("".join(c if c.isprintable() else "�" for c in name).split()) in read.text, name
    assert "\x1b" not in page
    assert "1 failed (=HYPERLINK" in read.text
    told = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse((study / "report.md").read_text())
    inner = [token for token in told if token.type == "inline"]
    kinds = {token.type for token in told} | {child.type for t in inner for child in t.children or ()}
    assert kinds <= MARKDOWN
    for line in csv.DictReader(io.StringIO((study / "results.csv").read_text(encoding="utf-8"))):
        for value in line.values():
            assert value[:1] not in ("=", "@", "\t", "\r"), line
            assert not value.startswith("-1+"), line


MARKDOWN = {
    "heading_open", "heading_close", "inline", "text", "paragraph_open", "paragraph_close",
    "strong_open", "strong_close",
    "table_open", "thead_open", "tr_open", "th_open", "th_close", "tr_close", "thead_close", "tbody_open", "td_open",
    "td_close", "tbody_close", "table_close", "bullet_list_open", "list_item_open", "list_item_close",
    "bullet_list_close", "softbreak",
}  # fmt: skip
"""What a report is made of, in the words of the CommonMark parser: no links, images, code or HTML."""


@pytest.mark.parametrize("verb", ["status", "plan", "analyze"])
def test_names_give_no_orders_to_the_terminal(infamous: Path, tmp_path: Path, verb: str) -> None:
    """No escape sequence of a name reaches the terminal, and no markup or picture is made of one."""
    study = Path(shutil.copytree(infamous, tmp_path / "study"))
    said = trickbag(verb, study)
    assert "\x1b" not in said
    assert "\x07" not in said
    joined = re.sub(r"\s+", "", said)
    for part in ("[red]x[/red][/]", ":skull:"):
        assert part in joined, said


def test_colours_are_the_consoles_own() -> None:
    """On a terminal a name's escape sequence is shown as text, while that of the style is sent."""
    shown = io.StringIO()
    console = Console()
    console.file, console._force_terminal, console._color_system = shown, True, ColorSystem.STANDARD
    console.print(Text("\x1b[2Jname", "bold"))
    assert shown.getvalue() == "\x1b[1m�[2Jname\x1b[0m\n"


def test_the_commands_complain_without_escape_sequences(tmp_path: Path) -> None:
    said = trickbag("status", tmp_path / "\x1b[2Jnone", code=2)
    assert said == f"trickbag: {tmp_path}/\\x1b[2Jnone/plan.json: no such file\n"


def hostile_weights(kind: str, path: Path, marker: Path) -> None:
    """A file of weights that would make another file where it were unpickled, or asks for code."""
    match kind:
        case "pickle":
            path.write_bytes(pickle.dumps({"version": 2, "model": Touch(marker)}))
        case "torch":
            torch.save({"version": 2, "model": Touch(marker)}, path)
        case "list":
            torch.save([1, 2], path)
        case "strange":
            torch.save({"version": 2, "fingerprint": "?", "seed": 1}, path)


@pytest.mark.parametrize("kind", ["pickle", "torch", "list", "strange"])
def test_a_hostile_checkpoint_is_one_line_and_runs_nothing(
    small: Recipe, machine: Machine, tmp_path: Path, kind: str
) -> None:
    hostile_weights(kind, tmp_path / "checkpoint.pt", tmp_path / "ran")
    session = build_session(resolve(small, machine), 1, machine)
    with pytest.raises(InputError, match=r"checkpoint.*remove it to start afresh") as caught:
        load_checkpoint(session, tmp_path / "checkpoint.pt")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


ABOUT = {
    "model": '{"name": "resnet"}', "classes": json.dumps([str(i) for i in range(10)]), "in_channels": "1",
    "mean": "[1.0]", "sd": "[1.0]",
}  # fmt: skip


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"model": '{"name": "hostile.py:Net"}'}, "asks for code, hostile.py:Net"),
        ({"model": '{"name": "os:system"}'}, "asks for code, os:system"),
        ({"model": '{"name": "resnet", "width": "wide"}'}, "does not fit what it says of itself"),
        ({"model": "[" * 9000}, "does not fit what it says of itself"),
        ({"classes": "{"}, "does not fit what it says of itself"),
        ({"in_channels": "many"}, "does not fit what it says of itself"),
        ({}, "does not fit what it says of itself"),
    ],
)
def test_a_teacher_from_a_file_brings_no_code_along(
    small: Recipe, machine: Machine, tmp_path: Path, about: dict[str, str], message: str
) -> None:
    """safetensors holds no code, but trickbag's own notes in it say how to build the network."""
    (tmp_path / "hostile.py").write_text(OWN_CODE.format(str(tmp_path / "ran")))
    save_file({"w": torch.zeros(2)}, tmp_path / "t.safetensors", metadata=ABOUT | about)
    recipe = apply(small, {"loss.distillation": {"teacher": "t.safetensors"}})
    with pytest.raises(InputError, match=message) as caught:
        build_session(resolve(recipe, machine, tmp_path), 1, machine)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("teacher", ["../t.safetensors", "/t.safetensors", "runs/../../t.safetensors"])
def test_a_teacher_lies_beside_the_study(
    small: Recipe, machine: Machine, tmp_path: Path, teacher: str
) -> None:
    recipe = apply(small, {"loss.distillation": {"teacher": teacher}})
    with pytest.raises(InputError, match="lies beside the study"):
        build_session(resolve(recipe, machine, tmp_path), 1, machine)


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in the package: its file, what is called, the call."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(PACKAGE)), ast.unparse(node.func), node


def given(call: ast.Call) -> dict[str | None, str]:
    """A call's arguments by name."""
    return {word.arg: ast.unparse(word.value) for word in call.keywords}


def test_the_package_unpickles_evaluates_and_imports_nothing_that_it_should_not() -> None:
    """Where code could come out of a file, found in the source itself; the places that may are named here."""
    for file, name, call in calls():
        where, words, last = f"{file}:{call.lineno}: {name}", given(call), name.rpartition(".")[2]
        assert name not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen"), where
        assert words.get("shell") in (None, "False"), where
        if name == "torch.load" or (last == "load_state_dict" and "timm" in name):
            assert words.get("weights_only") == "True", where
        if name in ("np.load", "numpy.load"):
            assert words.get("allow_pickle", "False") == "False", where
        if name.startswith("yaml."):
            assert last not in ("load", "unsafe_load", "full_load") or file == "recipe/text.py", where
        if last in ("exec_module", "load_module"):
            assert file == "train/catalogue.py", where
        if last == "import_module" and not isinstance(call.args[0], ast.Constant):
            assert file in ("train/catalogue.py", "__init__.py"), where
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {getattr(node, "module", None), *(alias.name for alias in node.names)}
                risky = modules & {
                    "pickle",
                    "marshal",
                    "shelve",
                    "dill",
                    "cloudpickle",
                    "joblib",
                    "runpy",
                    "code",
                }
                assert not risky or path.name == "unpickle.py", f"{path}: {risky}"
    assert issubclass(recipe_text._Loader, yaml.SafeLoader)


def test_the_command_line_shows_everything_through_its_own_console() -> None:
    """Rich's own console may be named as a type there, never made."""
    for path in (PACKAGE / "cli").glob("*.py"):
        text = path.read_text()
        if path.name != "console.py" and re.search(r"\bConsole\(", text):
            assert not re.search(r"^from rich\.console import .*\bConsole\b", text, re.MULTILINE), path
