"""The SLURM engine: the local engine's numbers whatever SLURM does to jobs; ends are told in words.

Jobs are really run, as submitit's local executor does; SLURM itself is met by `make slurm-test`. Where only the
engine's dealings with a cluster's answers are the question, the answers are written down here, in SLURM's words.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import submitit
from command_line import ROOT
from slurm_local import LocalCluster
from test_run import make, records

from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.bits import read_bits
from trickbag.records.chain import read_plan
from trickbag.records.plan import PlannedRun
from trickbag.records.run import RUN, RunRecord, write_run
from trickbag.run import driver
from trickbag.run.engines.choose import make_engine
from trickbag.run.engines.engine import Ended, Job
from trickbag.run.engines.on_slurm.cluster import Jobs, Seen, asked_for, read_queue
from trickbag.run.engines.on_slurm.engine import OVER, SlurmEngine
from trickbag.run.engines.on_slurm.job import StudyJob
from trickbag.run.execute import execute
from trickbag.run.state import State


class Answers:
    """A cluster that says what a test has it say; remembers what it was asked."""

    def __init__(self) -> None:
        self.arrays: dict[str, list[str]] = {}
        self.states: dict[
            str, str
        ] = {}  # by number; PENDING where there is none, unknown to SLURM where empty
        self.answers = True
        self.stopped: list[str] = []
        self.cancelled: list[str] = []

    def submit(self, name: str, jobs: Sequence[Callable[[], None]]) -> None:
        assert all(isinstance(job, StudyJob) for job in jobs)
        self.arrays[name] = [job.run_id for job in jobs if isinstance(job, StudyJob)]

    def look(self) -> Jobs | None:
        found = Jobs()
        for number, (name, runs) in enumerate(self.arrays.items(), 1):
            for i in range(len(runs)):
                if state := self.states.get(f"{number}_{i}", "PENDING"):
                    found[name, i] = Seen(f"{number}_{i}", state)
        return found if self.answers else None

    def stop(self, numbers: Sequence[str]) -> None:
        self.stopped += numbers
        self.states |= dict.fromkeys(numbers, "CANCELLED")

    def cancel(self, numbers: Sequence[str]) -> None:
        self.cancelled += numbers


@pytest.fixture
def study(tmp_path: Path, machine: Machine) -> Job:
    """A study of which nothing is run."""
    make(tmp_path / "out", machine)
    every = machine.model_copy(update={"workers": None, "engine": "slurm"})
    return Job(tmp_path / "out", read_plan(tmp_path / "out").plan(), every)


def test_an_interrupted_job_is_submitted_again_and_gives_the_same_numbers(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told that its time is up; the truth is the same run without engine or interruption."""
    out, quiet = tmp_path / "out", tmp_path / "quiet"
    make(out, machine)
    plan = read_plan(out).plan()
    only = plan.runs[0]
    pretend(out, plan.runs[1:])
    shutil.copytree(out, quiet)
    execute(quiet, plan, only, machine, lambda: False)
    cluster = LocalCluster(out / ".slurm")
    monkeypatch.setattr(driver, "make_engine", lambda job: SlurmEngine(job, cluster, poll_seconds=0.1))
    signalled: list[str] = []

    def interrupt(state: State) -> None:
        if not signalled and (out / "runs" / only.id / "started.json").exists():
            signalled.extend(job.job_id for job in cluster.jobs.values())
            cluster.signal(signalled, signal.SIGUSR2)

    driver.run_study(out, machine.model_copy(update={"engine": "slurm"}), interrupt)
    cluster.close()
    assert numbers_of(out, only) == numbers_of(quiet, only)
    assert len(cluster.jobs) == 2
    assert records(out)[only.id].resumed == 1
    assert not (out / ".slurm").exists()


def pretend(out: Path, runs: Sequence[PlannedRun]) -> None:
    """Records without training, to save their time."""
    for run in runs:
        (out / "runs" / run.id).mkdir(parents=True)
        own = run.model_dump(exclude={"needs"})
        made = RunRecord(**own, status="done", top1=50.0, recipe={}, machine={}, provenance={})
        write_run(out / "runs" / run.id, made)


def numbers_of(out: Path, run: PlannedRun) -> tuple[object, ...]:
    """What must not depend on how the run came about."""
    made = records(out)[run.id]
    bits = read_bits(out / "runs" / run.id / "correct.npz")[1].tobytes()
    return made.top1, made.top5, [(row.loss, row.top1) for row in made.epochs], bits


def test_runs_that_are_ready_together_are_one_array(study: Job) -> None:
    cluster = Answers()
    engine = SlurmEngine(study, cluster, 0.0)
    runs = [run.id for run in study.plan.runs]
    for run in runs:
        engine.submit(run)
    assert engine.free() == 0
    assert engine.wait(0) == []
    assert list(cluster.arrays.values()) == [runs]


def test_what_is_recorded_has_ended_though_its_job_is_still_leaving(study: Job) -> None:
    cluster, run = Answers(), study.plan.runs[0].id
    engine = submitted(study, cluster, run)
    cluster.states["1_0"] = "RUNNING"
    assert engine.wait(0) == []
    record(study, run)
    assert [(end.run_id, end.trouble) for end in engine.wait(0)] == [(run, "")]


@pytest.mark.parametrize("state", OVER)
def test_jobs_that_end_without_record_are_named_in_words(study: Job, state: str) -> None:
    """Blameless is what SLURM's manual (squeue, JOB STATE CODES) lays on nodes and on other jobs."""
    cluster, run = Answers(), study.plan.runs[0].id
    engine = submitted(study, cluster, run)
    (study.folder / ".slurm" / "1_0_0_log.out").write_text(
        "submitit INFO\nKilled by the node\nsrun: error\n\n"
    )
    cluster.states["1_0"] = "" if state == "GONE" else state
    (end,) = engine.wait(0)
    assert end.run_id == run
    assert end.trouble.startswith(f"SLURM job 1_0: {OVER[state]}; its log, ")
    assert end.trouble.endswith("/.slurm/1_0_0_log.out, ends: Killed by the node")
    assert end.blameless == (state in {"COMPLETED", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REVOKED"})
    assert end.status == ("out_of_memory" if state == "OUT_OF_MEMORY" else "died")
    engine.cancel()
    assert (study.folder / ".slurm").exists() != end.blameless  # logs stay where they are needed


def test_a_log_that_is_not_there_says_that_the_folder_may_not_be_shared(study: Job) -> None:
    cluster, run = Answers(), study.plan.runs[0].id
    engine = submitted(study, cluster, run)
    cluster.states["1_0"] = "FAILED"
    (end,) = engine.wait(0)
    assert end.trouble.endswith("the folder must lie on a file system that the nodes share")


def test_a_disk_that_is_full_on_a_node_stops_the_study(study: Job) -> None:
    """The line is Python's own, of an error that nobody caught."""
    cluster, run = Answers(), study.plan.runs[0].id
    engine = submitted(study, cluster, run)
    failing = "from trickbag.errors import DiskError\nraise DiskError('no space left')"
    died = subprocess.run([sys.executable, "-c", failing], capture_output=True, text=True, cwd=ROOT)
    (study.folder / ".slurm" / "1_0_0_log.out").write_text(died.stderr)
    cluster.states["1_0"] = "FAILED"
    assert engine.wait(0) == [Ended(run, "no space left", halts=True)]


def test_a_controller_that_does_not_answer_ends_nothing(study: Job) -> None:
    cluster, run = Answers(), study.plan.runs[0].id
    engine = submitted(study, cluster, run)
    cluster.answers = False
    cluster.states["1_0"] = "FAILED"
    assert engine.wait(0) == []
    cluster.answers = True
    assert len(engine.wait(0)) == 1


def test_a_new_driver_takes_over_the_jobs_of_one_that_was_killed(study: Job) -> None:
    cluster = Answers()
    first, second = (run.id for run in study.plan.runs[:2])
    submitted(study, cluster, first, second)
    cluster.states = {"1_0": "RUNNING", "1_1": "FAILED"}
    engine = SlurmEngine(study, cluster, 0.0)
    engine.submit(first)
    engine.submit(second)
    assert engine.wait(0) == []
    assert list(cluster.arrays.values()) == [[first, second], [second]]
    record(study, first)
    assert [end.run_id for end in engine.wait(0) if not end.trouble] == [first]


def test_cancelling_stops_every_job_that_has_not_ended_its_run(study: Job) -> None:
    """Those too that only an earlier driver submitted; a new driver then finds none alive."""
    cluster = Answers()
    first, second = (run.id for run in study.plan.runs[:2])
    submitted(study, cluster, first, second)
    cluster.states = {"1_0": "RUNNING"}
    engine = SlurmEngine(study, cluster, 0.0)
    engine.cancel()
    assert (cluster.stopped, cluster.cancelled) == (["1_0", "1_1"], [])
    assert json.loads((study.folder / ".slurm" / "jobs.json").read_text())["jobs"] == {}
    engine.cancel()
    assert cluster.stopped == ["1_0", "1_1"]


def test_no_more_jobs_at_a_time_than_workers(study: Job) -> None:
    two = Job(study.folder, study.plan, study.machine.model_copy(update={"workers": 2}))
    engine = SlurmEngine(two, Answers(), 0.0)
    assert (engine.capacity(), engine.free()) == (2, 2)
    engine.submit(study.plan.runs[0].id)
    assert engine.free() == 1


def test_the_queue_is_read_as_squeue_prints_it() -> None:
    """Printed by squeue 22.05 with the engine's --format."""
    text = "tb|1_0|COMPLETED\ntb|1_1|RUNNING\nother name|7|PENDING\ntb|9_[2-4%2]|PENDING\n"
    found = {("tb", 0): Seen("1_0", "COMPLETED"), ("tb", 1): Seen("1_1", "RUNNING")}
    assert read_queue(text) == {**found, ("other name", 0): Seen("7", "PENDING")}


def test_sbatch_is_asked_for_what_a_run_needs(machine: Machine) -> None:
    """The words are sbatch's (man sbatch); the script is written by submitit."""
    asked = {
        "partition": "short",
        "account": "lab",
        "minutes": 30,
        "threads": 3,
        "devices": 2,
        "device": "cuda",
    }
    text = script(machine.model_copy(update=asked))
    for line in (
        "partition=short",
        "account=lab",
        "time=30",
        "cpus-per-task=6",
        "gpus-per-node=2",
        "requeue",
    ):
        assert f"#SBATCH --{line}\n" in text
    assert "#SBATCH --signal=USR2@90\n" in text
    assert "export OMP_NUM_THREADS=3\n" in text
    default = script(machine)
    for word in ("time", "partition", "account", "gpus", "wckey"):
        assert f"#SBATCH --{word}" not in default


def script(machine: Machine) -> str:
    """The script that submitit makes of the engine's wishes."""
    return str(submitit.slurm.slurm._make_sbatch_string(command="true", folder="/f", **asked_for(machine)))


def test_machines_without_slurm_are_told_so(
    study: Job, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^machine\.engine=slurm: there is no sbatch here; [^\n]+$"):
        make_engine(study)


def test_a_missing_submitit_is_told_with_the_command(study: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(InputError, match=r"pip install 'trickbag\[slurm\]'$"):
        make_engine(study)


def submitted(study: Job, cluster: Answers, *runs: str) -> SlurmEngine:
    """An engine that has submitted these runs, and was then left."""
    engine = SlurmEngine(study, cluster, 0.0)
    for run in runs:
        engine.submit(run)
    engine.wait(0)
    return engine


def record(study: Job, run: str) -> None:
    """Leave a record as a job does; what it says is nothing to the engine."""
    place = study.folder / "runs" / run
    place.mkdir(parents=True, exist_ok=True)
    (place / RUN).write_text("{}")
