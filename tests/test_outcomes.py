"""What the machine does to a study has a name: a disk that fills up, a folder that turns read-only or is removed,
images that vanish, memory that is full. Nothing is half-written, and the same command goes on."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import ROOT, trickbag
from photo_folder import photo_folder
from safetensors.torch import save_file
from study_records import finish

from trickbag.errors import DiskError
from trickbag.lab import freeze
from trickbag.recipe import Machine
from trickbag.records.bits import read_bits, write_bits
from trickbag.records.chain import read_plan
from trickbag.records.files import write_text, write_whole
from trickbag.records.plan import Plan
from trickbag.records.progress import EpochRow, append_progress, read_progress
from trickbag.records.run import read_run
from trickbag.run.engines.engine import Ended
from trickbag.run.engines.local import LocalEngine
from trickbag.run.execute import execute
from trickbag.study import Study

SMALL = {"model.channels": [8, 8, 8], "budget.epochs": 3, "data.limit": 320}
BIG = 4 * 2**20  # bytes; more than the small disk has
ROW = EpochRow(epoch=1, step=10, loss=1.0, lr=0.1, images_per_second=9.0)
FULL = "no space left on the disk of {}; free some, and the same command goes on"


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB; only root may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=2m", "trickbag-test", place)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk can be mounted by root alone ({error})")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path) -> None:
    """Leave no byte on a disk."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def make(out: Path, machine: Machine, **fields: object) -> Plan:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 3, "margin": 30}
    own = {**plain, "set": SMALL, "machine": machine.model_dump(mode="json"), **fields}
    freeze(Study.model_validate(own), out)
    return read_plan(out).plan()


def numbers(place: Path) -> tuple[object, ...]:
    """What must not depend on what the disk did."""
    record = read_run(place)
    assert record is not None
    bits = read_bits(place / "correct.npz")[1].tobytes()
    return record.status, record.top1, [(row.loss, row.top1) for row in record.epochs], bits


WRITERS: dict[str, Callable[[Path], object]] = {
    "checkpoint.pt": lambda path: write_whole(path, lambda to: torch.save({"x": torch.zeros(BIG)}, to)),
    "correct.npz": lambda path: write_bits(path, np.arange(BIG), np.ones(BIG, bool), np.ones(BIG, bool)),
    "run.json": lambda path: write_text(path, "x" * BIG),
    "weights.safetensors": lambda path: write_whole(path, lambda to: save_file({"x": torch.zeros(BIG)}, to)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_earlier_file_whole(disk: Path, name: str) -> None:
    """Each by its own library, which say it in four different ways."""
    (disk / name).write_bytes(b"earlier")
    with pytest.raises(DiskError) as raised:
        WRITERS[name](disk / name)
    assert str(raised.value) == FULL.format(disk)
    assert {path.name: path.read_bytes() for path in disk.iterdir()} == {name: b"earlier"}


def test_an_error_of_the_writer_stays_what_it_is(tmp_path: Path) -> None:
    """Only what the disk said is the disk's."""

    def wrong(path: Path) -> None:
        raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        write_whole(tmp_path / "x", wrong)
    assert not list(tmp_path.iterdir())


def test_a_line_of_progress_is_written_whole_or_not_at_all(disk: Path) -> None:
    append_progress(disk, ROW)
    fill(disk)
    written = disk / "progress.jsonl"

    def until_the_block_is_full() -> None:
        for epoch in range(2, 200):  # a block of 4 KiB holds a few dozen
            append_progress(disk, ROW.model_copy(update={"epoch": epoch}))

    with pytest.raises(DiskError, match="no space left"):
        until_the_block_is_full()
    lines = written.read_text()
    assert lines.endswith("\n")
    (disk / "filler").unlink()
    append_progress(disk, ROW.model_copy(update={"epoch": 200}))
    assert written.read_text().startswith(lines)
    assert [row.epoch for row in read_progress(disk)] == [*range(1, lines.count("\n") + 1), 200]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> tuple[object, ...]:
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("quiet") / "out"
    plan = make(out, machine)
    execute(out, plan, plan.runs[0], machine, lambda: False)
    return numbers(out / "runs" / plan.runs[0].id)


def fill_up(disk: Path) -> Callable[[], None]:
    fill(disk)
    return (disk / "filler").unlink


def forbid(disk: Path) -> Callable[[], None]:
    mount("-o", "remount,ro", disk)
    return lambda: mount("-o", "remount,rw", disk)


def remove(disk: Path) -> Callable[[], None]:
    shutil.copytree(disk / "out", disk.parent / "kept")
    shutil.rmtree(disk / "out")
    return lambda: shutil.copytree(disk.parent / "kept", disk / "out") and None


AT_ONCE, SAVED, EPOCH = 0, 1, 4  # before the run, after its first checkpoint, after its first epoch


@pytest.mark.parametrize(
    ("disturb", "when", "said"),
    [
        (fill_up, AT_ONCE, "no space left on the disk of {}; free some"),
        (fill_up, SAVED, "no space left on the disk of {}; free some"),
        (fill_up, EPOCH, "no space left on the disk of {}; free some"),
        (forbid, AT_ONCE, "{}: can no longer be written (Read-only file system); make it writable"),
        (remove, SAVED, "{}: was removed meanwhile; put it back"),
        (remove, EPOCH, "{}: was removed meanwhile; put it back"),
    ],
)
def test_a_run_that_the_disk_stops_goes_on_to_the_same_numbers(
    disk: Path,
    machine: Machine,
    quiet: tuple[object, ...],
    disturb: Callable[[Path], Callable[[], object]],
    when: int,
    said: str,
) -> None:
    """Whatever was open for writing keeps the kernel from a read-only remount, so that comes before the run."""
    out, mend, heard = disk / "out", list[Callable[[], object]](), list[int]()
    impatient = machine.model_copy(update={"checkpoint_seconds": 0.0})
    plan = make(out, impatient)
    place = out / "runs" / plan.runs[0].id

    def disturbed() -> None:
        if len(heard) == when:
            mend.append(disturb(disk))
        heard.append(1)

    if when == 0:
        disturbed()
    with pytest.raises(DiskError) as raised:
        execute(out, plan, plan.runs[0], impatient, lambda: False, saved=disturbed)
    where = [path for path in (place, place.parent, out) if said.format(path) in str(raised.value)]
    assert where, str(raised.value)
    assert str(raised.value).endswith("and the same command goes on")
    assert not (place / "run.json").exists()
    assert not list(out.glob("runs/*/.*.*"))  # no temporary neighbour
    mend[0]()
    assert execute(out, plan, plan.runs[0], impatient, lambda: False)
    assert numbers(place) == quiet
    assert {path.name for path in place.iterdir()} == {"run.json", "correct.npz", "test.sealed.npz", ".lock"}


def test_a_study_on_a_full_disk_stops_with_one_line_and_keeps_what_is_finished(
    disk: Path, machine: Machine
) -> None:
    """The command, with a worker process: no run is tried again, none is recorded as failed."""
    out = disk / "out"
    plan = make(out, machine)
    for run in plan.runs[:-1]:
        finish(out, run, 500, np.random.default_rng(0))
    before = {path: path.read_bytes() for path in out.glob("runs/*/run.json")}
    fill(disk)
    with (out / ".lock").open("w"):  # there already, as after any earlier command
        pass
    (disk / "filler").write_bytes((disk / "filler").read_bytes()[: -2 * 4096])  # room for the driver's note
    said = trickbag("run", out, code=1)
    assert said.count("\n") == 1
    assert said.startswith(f"trickbag: no space left on the disk of {out}")
    assert {path: path.read_bytes() for path in out.glob("runs/*/run.json")} == before
    (disk / "filler").unlink()
    trickbag("run", out)
    assert len(list(out.glob("runs/*/run.json"))) == len(plan.runs)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.slow
def test_images_that_vanish_are_named_and_the_same_command_goes_on(tmp_path: Path, machine: Machine) -> None:
    """The pictures and what was decoded of them: with the latter alone a run needs no pictures."""
    photos, out, cache = (
        photo_folder(tmp_path / "photos", 24, sides=(16, 20)),
        tmp_path / "out",
        tmp_path / "c",
    )
    machine = machine.model_copy(update={"cache": cache})
    changes = {"data.name": f"folder:{photos}", "budget.epochs": 1, "budget.batch_size": 8}
    plan = make(out, machine, set={**changes, "model.channels": [8, 8, 8], "sample": {}})
    for run in plan.runs[1:]:
        finish(out, run, 500, np.random.default_rng(0))
    photos.rename(tmp_path / "away")
    shutil.rmtree(cache, ignore_errors=True)
    reason = f"1 failed ({plan.runs[0].arm}): InputError: folder: {photos} is not a folder"
    assert reason in trickbag("run", out, code=1)
    assert reason in trickbag("status", out)
    (tmp_path / "away").rename(photos)
    trickbag("run", out)
    record = read_run(out / "runs" / plan.runs[0].id)
    assert record is not None
    assert record.status == "done"


GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """This process and those that it starts share 1.5 GiB; control groups of the first version, made by root."""
    group = GROUPS / f"trickbag-test-{os.getpid()}"
    own = Path("/proc/self/cgroup").read_text().splitlines()
    home = next((line.split(":", 2)[2] for line in own if line.split(":")[1] == "memory"), None)
    try:
        assert home is not None
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(3 * 2**29))
    except (OSError, AssertionError) as error:
        pytest.skip(f"no control group of memory can be made ({error})")
    (group / "cgroup.procs").write_text(str(os.getpid()))
    yield
    for process in (
        (group / "cgroup.procs").read_text().split()
    ):  # multiprocessing's resource tracker may be there, too
        (GROUPS / home.strip("/") / "cgroup.procs").write_text(process)
    group.rmdir()


def hungry(connection: Connection) -> None:
    """A worker that takes memory until the kernel ends it; before that, one run it is killed in otherwise."""
    Path("/proc/self/oom_score_adj").write_text("1000")
    while run := connection.recv():
        if run == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        held = []
        while True:
            held.append(np.ones(2**22))


def outcome(engine: LocalEngine, run: str) -> Ended:
    engine.submit(run)
    while True:
        for ended in engine.wait(1):
            return ended


@pytest.mark.slow
def test_a_worker_that_the_kernel_kills_for_memory_is_told_from_another_that_is_killed(
    little_memory: None,
) -> None:
    engine = LocalEngine(1, hungry)
    try:
        killed, starved = outcome(engine, "dies"), outcome(engine, "eats")
    finally:
        engine.cancel()
    assert killed == Ended("dies", "its worker died with exit code -9")
    assert (starved.run_id, starved.status) == ("eats", "out_of_memory")
    assert starved.trouble == "the kernel killed its worker, since the machine's memory was full"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_driver_leaves_a_checkpoint_and_exit_code_130(
    tmp_path: Path, machine: Machine, number: signal.Signals
) -> None:
    """Then the same command goes on from the checkpoint."""
    out = tmp_path / "out"
    plan = make(out, machine, set={**SMALL, "budget.epochs": 100})
    command = [sys.executable, "-m", "trickbag", "run", str(out)]
    driver = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    end = time.monotonic() + 300
    while not list(out.glob("runs/*/progress.jsonl")):
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < end, "no run has begun"
        time.sleep(0.05)
    os.killpg(driver.pid, number) if number == signal.SIGINT else driver.send_signal(number)
    _, said = driver.communicate(timeout=300)
    assert driver.returncode == 130
    assert said == "trickbag: stopped; the same command goes on from what is kept\n"
    checkpoints = list(out.glob("runs/*/checkpoint.pt"))
    assert len(checkpoints) == 1
    assert "goes on from its checkpoint" in trickbag("status", out)
    run = next(run for run in plan.runs if run.id == checkpoints[0].parent.name)
    assert execute(out, plan, run, machine, lambda: False)
    record = read_run(out / "runs" / run.id)
    assert record is not None
    assert record.resumed == 1


def slow_to_stop(connection: Connection) -> None:
    """A worker in the middle of a step that takes for ever."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send(Ended(connection.recv()))
    time.sleep(3600)


def test_workers_that_do_not_stop_are_killed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """All share one patience; nothing of theirs is left."""
    monkeypatch.setattr("trickbag.run.engines.local.STOP_SECONDS", 0.2)
    engine = LocalEngine(1, slow_to_stop)
    assert outcome(engine, "r") == Ended("r")
    before = multiprocessing.active_children()
    assert before
    engine.cancel()
    assert not any(child.is_alive() for child in before)
    engine.cancel()
