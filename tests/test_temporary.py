"""Temporary files: those of the killed go, those of the living stay."""

import os
import subprocess
import sys
from pathlib import Path

from trickbag.records.files import write_text
from trickbag.records.run import tidy
from trickbag.records.temporary import sweep, temporary

KILLED = """
import os, signal, sys
from pathlib import Path
from trickbag.records.temporary import temporary
with temporary(Path(sys.argv[1])) as neighbour:
    neighbour.write_text("half of it")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_behind(path: Path) -> Path:
    """What a writer of `path` that is killed leaves."""
    before = set(os.listdir(path.parent))
    subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=Path(__file__).parents[1])
    (name,) = set(os.listdir(path.parent)) - before
    return path.parent / name


def test_what_a_killed_writer_left_goes_with_the_next_whole_file(tmp_path: Path) -> None:
    leave_behind(tmp_path / "plan.json")
    other = leave_behind(tmp_path / "study.yaml")
    write_text(tmp_path / "plan.json", "all of it")
    assert set(os.listdir(tmp_path)) == {"plan.json", other.name}  # nobody else's


def test_what_a_living_writer_makes_stays(tmp_path: Path) -> None:
    with temporary(tmp_path / "run.json") as neighbour:
        sweep(tmp_path, "run.json")
        assert os.listdir(tmp_path) == [neighbour.name]
    assert os.listdir(tmp_path) == []


def test_a_finished_runs_folder_is_tidied_of_all_that_only_one_under_way_needs(tmp_path: Path) -> None:
    leave_behind(tmp_path / "checkpoint.pt")
    for name in ("checkpoint.pt", "progress.jsonl", "started.json", "run.json", ".lock", ".mine.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / ".run.json.abcdefgh.json").symlink_to("/dev/zero")  # no writer of ours makes links
    tidy(tmp_path)
    assert set(os.listdir(tmp_path)) == {"run.json", ".lock", ".mine.txt", ".run.json.abcdefgh.json"}
