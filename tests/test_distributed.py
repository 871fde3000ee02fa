"""Runs on several devices under engines: what the launching process hands over, and what may die or be told to stop.

Truth is the same run with the same devices, trained from this process without an engine or a disturbance.
"""

import errno
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import ROOT
from slurm_local import LocalCluster
from test_run import make, records
from test_slurm_engine import numbers_of, pretend

from trickbag.data import ImageSet
from trickbag.data.tolerance import Flaw, Tolerance
from trickbag.errors import DiskError
from trickbag.recipe import Data, Machine, validate
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan, PlannedRun
from trickbag.records.run import read_run
from trickbag.run import driver
from trickbag.run.distributed import launch
from trickbag.run.distributed.handover import hand_over, take_over
from trickbag.run.distributed.ranks import ProcessDiedError
from trickbag.run.engines.on_slurm.engine import SlurmEngine
from trickbag.run.execute import execute
from trickbag.run.state import State
from trickbag.train import give_images, open_data, shared_images

GENEROUS = 300.0  # seconds
LASTING = {"model.channels": [8, 8, 8], "budget.epochs": 6, "data.limit": 320}


@pytest.fixture
def two(machine: Machine) -> Machine:
    """Two devices of this machine's CPU; a checkpoint after every step."""
    return machine.model_copy(update={"devices": 2, "checkpoint_seconds": 0.0})


def only_run(out: Path, machine: Machine) -> tuple[Plan, PlannedRun]:
    """A planned study that lacks one run."""
    make(out, machine, set=LASTING)
    plan = read_plan(out).plan()
    pretend(out, plan.runs[1:])
    return plan, plan.runs[0]


def test_a_death_can_be_sent_from_a_node() -> None:
    """An error of several arguments that passes on one alone to Exception cannot be unpickled."""
    sent = pickle.loads(pickle.dumps(ProcessDiedError("a process of the run died", "out_of_memory")))
    assert (str(sent), sent.status) == ("a process of the run died", "out_of_memory")


def test_plan_and_given_images_are_handed_over_as_they_are(
    tmp_path: Path, two: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_images, "_given", {})
    plan, run = only_run(tmp_path / "out", two)
    x = np.arange(4 * 3 * 2 * 2, dtype=np.uint8).reshape(4, 3, 2, 2)
    y = np.array([0, 1, 0, 1])
    plain = ImageSet.of((x, y), (x[:1], y[:1]), ("a", "b"))
    flaws = ({2: Flaw("photo.jpg", "no image")}, {})
    before = ImageSet(**{**vars(plain), "tolerance": Tolerance(3), "flaws": flaws, "reencoded": "smaller"})
    data = validate(Data, plan.arm(run.workload, run.arm).recipe["data"], "data")
    hand_over(tmp_path, plan, run)
    assert {path.name for path in tmp_path.iterdir()} == {
        "out",
        "plan",
    }  # others open their images by themselves
    give_images(data, before)
    hand_over(tmp_path, plan, run)
    monkeypatch.setattr(shared_images, "_given", {})
    assert take_over(tmp_path, run.id) == (plan, run)
    after = open_data(data, two)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(after, name), getattr(before, name))
    assert (after.tolerance.limit, after.flaws) == (3, flaws)
    assert (after.digest, after.classes, after.reencoded) == (before.digest, before.classes, "smaller")
    assert str(tmp_path / "images.pt") in Path("/proc/self/maps").read_text()


def test_processes_that_cannot_be_launched_are_an_outcome_and_a_full_disk_halts(
    tmp_path: Path, two: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, run = only_run(tmp_path / "out", two)

    def refuse(error: Exception) -> Callable[[], None]:
        def scratch() -> None:
            raise error

        return scratch

    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "tmp" / "x"))
    monkeypatch.setattr(launch, "scratch", refuse(full))
    with pytest.raises(DiskError, match=f"no space left on the disk of {tmp_path}/tmp;"):
        execute(tmp_path / "out", plan, run, two, lambda: False)
    assert read_run(tmp_path / "out" / "runs" / run.id) is None
    monkeypatch.setattr(launch, "scratch", refuse(RuntimeError("no port is free")))
    assert not execute(tmp_path / "out", plan, run, two, lambda: False)
    record = read_run(tmp_path / "out" / "runs" / run.id)
    assert record is not None
    assert (record.status, record.message) == ("failed", "RuntimeError: no port is free")


def ranks(word: Path | str) -> list[int]:
    """The processes that train together the run of an id, or in a study's folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode().split("\0")
        except OSError:  # gone meanwhile
            continue
        if "trickbag.run.distributed.ranks" in words and str(word) in words:
            found.append(int(file.parent.name))
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def settled(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until a condition holds while a process is at work."""
    end = time.monotonic() + GENEROUS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def waited_for(path: Path) -> bool:
    """Whether some process waits for the lock of a file: the kernel lists it behind an arrow."""
    inode = path.stat().st_ino
    return re.search(rf"-> FLOCK .*:{inode} ", Path("/proc/locks").read_text()) is not None


@pytest.mark.slow
def test_a_killed_workers_processes_end_before_another_takes_the_run_up(tmp_path: Path, two: Machine) -> None:
    """They are held up until the next worker is seen to wait for them: without that both would write the folder."""
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    plan, run = only_run(quiet, two)
    shutil.copytree(quiet, out)
    execute(quiet, plan, run, two, lambda: False)
    command = [sys.executable, "-m", "trickbag", "run", str(out)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    settled((out / "runs" / run.id / "checkpoint.pt").exists, process)
    orphans = ranks(out)
    assert len(orphans) == 2
    worker = parent(orphans[0])
    for pid in orphans:
        os.kill(pid, signal.SIGSTOP)
    os.kill(worker, signal.SIGKILL)
    try:
        settled(lambda: waited_for(out / "runs" / run.id / ".lock.ranks"), process)
        assert sorted(ranks(out)) == sorted(orphans)
    finally:
        for pid in orphans:
            os.kill(pid, signal.SIGCONT)
    said = process.communicate(timeout=GENEROUS)
    assert process.returncode == 0, said
    assert records(out)[run.id].resumed == 1
    assert numbers_of(out, run) == numbers_of(quiet, run)


@pytest.mark.slow
def test_the_time_limits_warning_reaches_all_processes_and_ends_none(
    tmp_path: Path, two: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SLURM sends it to every process of a job's step: here once as they start, and once when they are at work."""
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    plan, run = only_run(quiet, two)
    shutil.copytree(quiet, out)
    execute(quiet, plan, run, two, lambda: False)
    cluster = LocalCluster(out / ".slurm")
    monkeypatch.setattr(driver, "make_engine", lambda job: SlurmEngine(job, cluster, poll_seconds=0.1))
    warned = set[str]()

    def warn(state: State) -> None:
        number = [job.job_id for job in cluster.jobs.values()][-1:]
        at_work = not warned or (out / "runs" / run.id / "progress.jsonl").exists()
        if number and len(warned) < 2 and warned.isdisjoint(number) and len(ranks(out)) == 2 and at_work:
            warned.update(number)
            for pid in ranks(out):
                os.kill(pid, signal.SIGUSR2)
            cluster.signal(number, signal.SIGUSR2)

    driver.run_study(out, two.model_copy(update={"engine": "slurm", "retries": 0}), warn)
    cluster.close()
    assert len(cluster.jobs) == 3
    assert records(out)[run.id].resumed == 2
    assert numbers_of(out, run) == numbers_of(quiet, run)
