"""How many cores there are for this process, and how they are shared out among the runs side by side."""

from pathlib import Path

import pytest
from test_run import make

from trickbag.data import threads
from trickbag.data.threads import available_cores
from trickbag.recipe import Machine
from trickbag.run.driver import run_study, with_loaders
from trickbag.run.engines.engine import Job
from trickbag.run.engines.local import workers


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 cores, and a place for its control groups."""
    monkeypatch.setattr(threads, "OWN", tmp_path / "own")
    monkeypatch.setattr(threads, "ROOT", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(16)), raising=False)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# The kernel's documentation, cgroup-v2.rst: cpu.max is "$MAX $PERIOD", without a limit "max 100000"; an ancestor's
# limit holds too. sched-bwc.rst for version 1: cpu.cfs_quota_us and cpu.cfs_period_us, without a limit -1.
V1 = {"cpu.cfs_quota_us": "250000\n", "cpu.cfs_period_us": "100000\n"}


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        (None, {}, 16),
        ("0::/\n", {}, 16),
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "nonsense"}, 16),
        ("0::/\n", {"cpu.max": "9900000 100000\n"}, 16),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("3:cpuset:/\n2:cpu,cpuacct:/docker/1\n", {f"cpu/docker/1/{k}": v for k, v in V1.items()}, 3),
        ("2:cpu,cpuacct:/docker/1\n", {f"cpu/{k}": v for k, v in V1.items()}, 3),  # seen from inside
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        ("3:cpuset:/x\n", {f"cpu/x/{k}": v for k, v in V1.items()}, 16),
    ],
)
def test_a_container_with_the_time_of_few_cores_has_few(
    groups: Path, own: str | None, files: dict[str, str], cores: int
) -> None:
    if own is not None:
        write(groups / "own", own)
    for name, text in files.items():
        write(groups / name, text)
    assert available_cores() == cores


def test_a_process_has_the_cores_that_it_is_bound_to(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {3, 5})
    assert available_cores() == 2


@pytest.mark.parametrize(
    ("settings", "runs", "side_by_side", "loaders"),
    [
        ({"device": "cpu"}, 100, 16, 1),
        ({"device": "cpu", "threads": 4}, 100, 4, 4),
        ({"device": "cpu", "workers": 3}, 100, 3, 5),
        ({"device": "cpu"}, 2, 16, 8),  # no more runs than that are at work
        ({"device": "cpu"}, 0, 16, 16),
        ({"device": "cpu", "workers": 40}, 100, 40, 1),
        ({"device": "cpu", "loaders": 7}, 100, 16, 7),
        ({"device": "cuda"}, 100, 1, 16),
    ],
)
def test_the_cores_are_shared_out(
    groups: Path, settings: dict[str, object], runs: int, side_by_side: int, loaders: int
) -> None:
    machine = Machine.model_validate(settings)
    assert workers(machine) == side_by_side
    assert with_loaders(machine, runs).loaders == loaders


def test_a_study_hands_each_of_its_runs_its_share(
    groups: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three seeds of two arms are six runs, all at work at once on 16 cores; seen as the engine is to start."""

    def engine(job: Job) -> None:
        raise InterruptedError(workers(job.machine), job.machine.loaders)

    monkeypatch.setattr("trickbag.run.driver.make_engine", engine)
    make(groups / "study", machine)
    with pytest.raises(InterruptedError) as stopped:
        run_study(groups / "study", machine.model_copy(update={"workers": 8}))
    assert stopped.value.args == (8, 2)
