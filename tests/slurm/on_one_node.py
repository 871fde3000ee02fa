"""Studies on a real SLURM cluster of one node, which these tests install, start and take down: `make slurm-test`.

Whatever SLURM, or somebody, does to jobs and driver, the numbers must be those of the local engine. Not collected
by plain pytest: it installs Debian packages and starts daemons, as root.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, install, run, wait_for
from command_line import ROOT
from test_run import make, pretend_other_seeds, trained

from trickbag.recipe import Machine
from trickbag.records.bits import read_bits
from trickbag.records.progress import STARTED, read_started
from trickbag.run.driver import run_study

DRIVERS: list[subprocess.Popen[str]] = []
LONG = 600.0  # seconds; a study of these takes one or two minutes where the machine is not busy
LASTING = {"model.channels": [16, 32, 32], "budget.epochs": 12, "data.limit": 700}


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    install()
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture
def study(tmp_path: Path, machine: Machine) -> Iterator[Path]:
    """A study that lacks two runs, of ten seconds or so."""
    make(tmp_path / "out", machine, set=LASTING)
    pretend_other_seeds(tmp_path / "out")
    yield tmp_path / "out"
    for driver in DRIVERS:  # those still there, where a test failed
        if driver.poll() is None:
            driver.kill()
            driver.communicate()
    DRIVERS.clear()


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> dict[str, tuple[object, ...]]:
    """The numbers of the local engine."""
    out = tmp_path_factory.mktemp("local") / "out"
    make(out, machine, set=LASTING)
    pretend_other_seeds(out)
    run_study(out, machine)
    return numbers(out)


def test_jobs_that_are_preempted_or_out_of_time_go_on_to_the_same_numbers(
    study: Path, truth: dict[str, tuple[object, ...]]
) -> None:
    """Both are preempted by a job of higher priority; after that one is warned of its time limit."""
    driver = start(study)
    wait_for(lambda: len(taken_up(study)) == 2, "both runs", LONG)
    before = taken_up(study)
    run("sbatch", "-p", "high", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 2")
    wait_for(lambda: min(restarts(study).values()) == 1, "preemption of both", LONG)
    wait_for(lambda: later(study, before), "a restart", LONG)
    number = later(study, before)[0]
    run("scancel", "--signal=USR2", number)  # as `sbatch --signal` has it sent
    wait_for(lambda: restarts(study)[number] == 2, "its being queued again", LONG)
    assert ended(driver) == (0, "")
    assert numbers(study) == truth
    assert all(record.resumed for record in trained(study))
    assert len(states(study)) == 2, "nothing was submitted but the first array"
    assert not (study / ".slurm").exists()


def test_ctrl_c_saves_every_job_and_those_of_a_killed_driver_are_taken_over(
    study: Path, truth: dict[str, tuple[object, ...]]
) -> None:
    kill(start(study), study)
    run("scancel", "--signal=STOP", *states(study))  # lest they end before the second driver is there
    second = start(study)
    wait_for(lambda: "runs" in (study.parent / "driver.out").read_text(), "the second driver", LONG)
    run("scancel", "--signal=CONT", *states(study))
    second.send_signal(signal.SIGINT)
    code, said = ended(second)
    assert code == 130, said
    wait_for(lambda: not alive(study), "the jobs' end", 30)
    assert len(states(study)) == 2, "the second driver submitted nothing"
    assert len(list(study.glob("runs/*/checkpoint.pt"))) == 2
    before = taken_up(study)
    kill(start(study), study, before)
    assert ended(start(study)) == (0, "")
    assert len(states(study)) == 4, "the fourth driver submitted nothing"
    assert numbers(study) == truth
    assert all(record.resumed == 1 for record in trained(study))


def kill(driver: subprocess.Popen[str], study: Path, before: dict[str, int] | None = None) -> None:
    """Kill a driver with -9 once both runs are under way (again)."""
    wait_for(lambda: len(later(study, before or {})) == 2, "both runs", LONG)
    driver.kill()
    driver.communicate()


def test_a_job_that_somebody_cancels_is_named_with_its_number_and_log(study: Path) -> None:
    driver = start(study, "machine.retries=0")
    wait_for(lambda: len(taken_up(study)) == 2, "both runs", LONG)
    numbers_of_jobs = sorted(states(study))
    run("scancel", *numbers_of_jobs)
    code, said = ended(driver)
    assert code == 1
    for number in numbers_of_jobs:
        assert (
            f"SLURM job {number}: somebody cancelled it; its log, {study}/.slurm/{number}_0_log.out" in said
        )
    assert sorted(record.status for record in trained(study)) == ["died", "died"]


def test_what_sbatch_refuses_is_one_line(study: Path) -> None:
    code, said = ended(start(study, "machine.partition=nowhere"))
    assert code == 2
    assert re.fullmatch(
        r"trickbag: machine\.engine=slurm: sbatch: error: [^\n]*Invalid partition[^\n]*\n", said
    )
    assert not alive(study)


def start(study: Path, *fields: str) -> subprocess.Popen[str]:
    """`trickbag run` with the cluster's low partition."""
    words = [
        sys.executable,
        "-m",
        "trickbag",
        "run",
        str(study),
        "machine.engine=slurm",
        "machine.workers=null",
    ]
    words += ["machine.partition=low", "machine.minutes=30", "machine.checkpoint_seconds=1", *fields]
    out = study.parent / "driver.out"
    with out.open("w") as printed:
        driver = subprocess.Popen(
            words,
            cwd=ROOT,
            text=True,
            stdout=printed,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "200"},
        )
    DRIVERS.append(driver)
    return driver


def ended(driver: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it said on stderr."""
    _, said = driver.communicate(timeout=LONG)
    return driver.returncode, said


def taken_up(study: Path) -> dict[str, int]:
    """When each run under way was last taken up, by a clock of nanoseconds, by its job's number."""
    return {
        started.job: (place / STARTED).stat().st_mtime_ns
        for place in (study / "runs").iterdir()
        if (started := read_started(place)) is not None
    }


def later(study: Path, before: dict[str, int]) -> list[str]:
    """The jobs that took up a run after that."""
    return [number for number, when in taken_up(study).items() if when > max(before.values(), default=0)]


def states(study: Path) -> dict[str, str]:
    """The state of every job that the study has had, by its number."""
    lines = run("squeue", "--array", "--states=all", "-h", "-o", "%i|%T|%o").splitlines()
    return {line.split("|")[0]: line.split("|")[1] for line in lines if f"{study}/" in line}


def alive(study: Path) -> list[str]:
    """The study's jobs that wait or run."""
    return [
        number for number, state in states(study).items() if state in {"PENDING", "RUNNING", "COMPLETING"}
    ]


def restarts(study: Path) -> dict[str, int]:
    """How often each job of the study was queued again."""
    told = {number: run("scontrol", "show", "job", number) for number in states(study)}
    return {number: int(re.findall(r"Restarts=(\d+)", text)[0]) for number, text in told.items()}


def numbers(study: Path) -> dict[str, tuple[object, ...]]:
    """What must not depend on how the runs came about."""
    rows = {}
    for record in trained(study):
        bits = read_bits(study / "runs" / record.id / "correct.npz")[1].tobytes()
        rows[record.id] = (record.top1, record.top5, [(r.loss, r.top1) for r in record.epochs], bits)
    return rows
