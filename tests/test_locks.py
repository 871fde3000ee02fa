"""Who holds a folder, also where locks do not reach from host to host, or there are none."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_run import make

from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe
from trickbag.records.chain import read_plan
from trickbag.records.files import now
from trickbag.records.run import RUN
from trickbag.run import holder, single
from trickbag.run.driver import other_retries, run_study
from trickbag.run.engines import warm_workers
from trickbag.run.holder import Holder, read_note
from trickbag.run.locks import LOCK, holder_of, run_lock, study_lock
from trickbag.run.machine import start_workers
from trickbag.run.single import train_recipe

ELSEWHERE = Holder(host="another", process=5, since=now(), boot="b", token="t")


def write_elsewhere(folder: Path) -> None:
    """What a process on another host does, whom no lock keeps out."""
    (folder / LOCK).write_text(ELSEWHERE.model_dump_json() + "\n")


def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, kind: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_of_two_that_start_at_once_the_one_whose_note_stands_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other host writes its note just after ours; without it ours stands."""
    monkeypatch.setattr("trickbag.run.locks.settle", lambda path: write_elsewhere(tmp_path))
    with pytest.raises(InputError, match="already being run by process 5 on another"), study_lock(tmp_path):
        pass
    assert read_note(tmp_path / LOCK) == ELSEWHERE  # the other's note is left alone


def test_a_note_that_was_written_over_a_longer_one_is_read(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(ELSEWHERE.model_dump_json() + "\nthe rest of a longer one")
    assert read_note(tmp_path / LOCK) == ELSEWHERE


def test_equal_names_of_hosts_are_told_apart_by_their_kernels() -> None:
    """As containers in two machines may both be called `trainer`."""
    here = holder.this_process()
    assert not here.elsewhere
    assert here.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert here.model_copy(update={"boot": "other"}).elsewhere


def test_the_beat_goes_on_after_an_error_and_a_driver_that_was_taken_over_from_stops(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was suspended for longer than SILENCE: its note is another's when it wakes."""
    monkeypatch.setattr(holder, "BEAT", 0.01)
    make(tmp_path / "out", machine)
    utime, refused = os.utime, list[Path]()

    def touch(path: Path) -> None:
        if not refused:
            refused.append(path)
            raise OSError(errno.ESTALE, "stale")
        write_elsewhere(tmp_path / "out")
        utime(path)

    monkeypatch.setattr(os, "utime", touch)
    with pytest.raises(InputError, match="taken over by process 5 on another"):
        run_study(tmp_path / "out", machine)
    assert refused
    assert read_note(tmp_path / "out" / LOCK) == ELSEWHERE
    assert not list((tmp_path / "out").glob("runs/*/run.json"))


def test_where_there_are_no_locks_notes_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_locks(monkeypatch)
    monkeypatch.setattr(holder, "BEAT", 0.02)
    with study_lock(tmp_path), pytest.raises(InputError, match="already being run by"), study_lock(tmp_path):
        pass
    monkeypatch.setattr(holder, "SILENCE", 0.2)
    with study_lock(tmp_path), run_lock(tmp_path):
        assert read_note(tmp_path / LOCK) is not None


def test_two_that_train_into_one_folder_are_told_apart(
    small: Recipe, machine: Machine, tmp_path: Path
) -> None:
    with (
        study_lock(tmp_path),
        pytest.raises(InputError, match=f"already being run by process {os.getpid()}"),
    ):
        train_recipe(small, machine=machine, out=tmp_path)
    assert os.listdir(tmp_path) == [LOCK]


def test_what_another_finished_just_before_is_not_trained_again(
    small: Recipe, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has the folder between the first look at it and the lock."""
    written = list[int]()

    @contextmanager
    def after_another(folder: Path) -> Iterator[Callable[[], None]]:
        monkeypatch.setattr(single, "study_lock", study_lock)
        train_recipe(small, machine=machine, out=folder)
        written.append((folder / RUN).stat().st_mtime_ns)
        with study_lock(folder) as check:
            yield check

    monkeypatch.setattr(single, "study_lock", after_another)
    assert train_recipe(small, machine=machine, out=tmp_path).status == "done"
    assert written == [(tmp_path / RUN).stat().st_mtime_ns]


def test_no_workers_are_started_for_a_study_that_another_process_runs(
    tmp_path: Path, machine: Machine
) -> None:
    make(tmp_path / "out", machine)
    with study_lock(tmp_path / "out"):
        assert holder_of(tmp_path / "out") is not None
        start_workers(tmp_path / "out", machine)
    assert warm_workers._ready == []


def test_another_number_of_retries_than_planned_is_said(tmp_path: Path, machine: Machine) -> None:
    make(tmp_path / "out", machine)
    plan = read_plan(tmp_path / "out").plan()
    assert other_retries(plan, machine) == ""
    other = machine.model_copy(update={"retries": 0})
    assert other_retries(plan, other) == "machine.retries: 0 in this command, where the plan says 2"
