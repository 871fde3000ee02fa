"""A study's folder may come from anyone: nothing in it is run, and nothing is followed out of it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile import OWN_CODE, read_all, rewritten

FILES = {"report.html", "report.md", "report.tex", "results.json", "results.csv", "plan.json", ".lock"}


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
