"""Several processes train one run: how they are started, how they end, and what is said of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from tests.answering_worker import tell_gpus
from tests.command_line import ROOT, trickbag, trickbag_process
from trickbag.errors import InputError
from trickbag.lab import freeze, shared_batches
from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.records.bits import read_bits
from trickbag.records.chain import read_plan
from trickbag.records.run import RunRecord, read_run
from trickbag.run.distributed.devices import check_devices, gpu_groups, shares
from trickbag.run.distributed.launch import judged, own_ends
from trickbag.run.distributed.team import RANKS_LOST
from trickbag.run.driver import as_planned, run_study
from trickbag.run.engines.engine import Ended
from trickbag.run.engines.local import LocalEngine
from trickbag.study import Study
from trickbag.study.schema import InlineTrick

GENEROUS = 240.0  # seconds
SMALL = ["data.limit=320", "model.channels=[8,8,8]", "budget.evaluate=last_epoch", "machine.device=cpu"]
LONG = ["train", "digits_baseline", *SMALL, "budget.epochs=40", "machine.checkpoint_seconds=0"]


def numbers(out: Path) -> tuple[object, ...]:
    record = read_run(out)
    assert record is not None
    return record.top1, [row.loss for row in record.epochs], read_bits(out / "correct.npz")[1].tobytes()


@pytest.mark.slow
def test_the_plain_command_starts_two_processes_which_speak_once(tmp_path: Path) -> None:
    """What the line at the start must say follows from the batch of 32 in the recipe."""
    words = [
        "train",
        "digits_baseline",
        *SMALL,
        "budget.epochs=1",
        "machine.devices=2",
        "--out",
        tmp_path / "out",
    ]
    said = trickbag_process(*words)
    shared = "2 devices: 16 images each of a batch of 32; batch-norm statistics: over the whole batch, synchronised"
    assert said.count(shared) == 1
    assert said.count("validation top-1") == 1
    record = read_run(tmp_path / "out")
    assert record is not None
    assert record.machine["devices"] == 2
    assert record.status == "done"
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"run.json", "correct.npz", "test.sealed.npz", "weights.safetensors", ".lock"}


@pytest.fixture
def study(machine: Machine) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 3, "margin": 0.5}
    small = {"model.channels": [8, 8, 8], "budget.epochs": 2, "data.limit": 320}
    return Study.model_validate({**plain, "set": small, "machine": machine.model_dump() | {"devices": 2}})


def test_the_number_of_devices_is_frozen_and_can_be_amended(study: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    freeze(study, out)
    plan = read_plan(out).plan()
    assert plan.machine["devices"] == 2
    assert as_planned(plan, Machine(device="cpu")).devices == 2
    with pytest.raises(InputError, match=r"machine\.devices: the plan was frozen with 2, not 4.*devices=4$"):
        as_planned(plan, Machine(device="cpu", devices=4))
    trickbag("plan", out, "--amend", "fewer GPUs", "machine.devices=1")
    assert read_plan(out).plan().machine["devices"] == 1
    assert freeze(study, out).machine["devices"] == 1


def test_a_plan_that_knows_no_devices_has_one(study: Study, tmp_path: Path) -> None:
    one = study.model_copy(update={"machine": study.machine.model_copy(update={"devices": 1})})
    plan = freeze(one, tmp_path / "out")
    assert "devices" not in plan.machine
    assert as_planned(plan, Machine(device="cpu")).devices == 1
    with pytest.raises(InputError, match=r"machine\.devices: the plan was frozen with 1, not 2"):
        as_planned(plan, Machine(device="cpu", devices=2))
    with pytest.raises(InputError, match="frozen with 1, not 2"):
        freeze(study, tmp_path / "out")


@pytest.mark.parametrize(
    ("visible", "count", "devices", "groups"),
    [
        (None, 4, 2, ["0,1", "2,3"]),
        (None, 5, 2, ["0,1", "2,3"]),  # the fifth stays idle
        ("3,1", 2, 1, ["3", "1"]),
        ("GPU-8932f937, GPU-1f2e", 2, 1, ["GPU-8932f937", "GPU-1f2e"]),
        ("2,0,-1,1", 2, 2, ["2,0"]),  # CUDA takes none from -1 on
        (None, 1, 2, []),
        ("", 0, 1, []),
    ],
)
def test_gpus_are_shared_out_in_groups(
    visible: str | None, count: int, devices: int, groups: list[str]
) -> None:
    assert gpu_groups(visible, count, devices) == groups


@pytest.mark.slow
def test_each_worker_has_gpus_of_its_own_and_its_successor_gets_them() -> None:
    engine = LocalEngine(2, tell_gpus, gpus=["4", "7"])
    try:
        engine.submit("a")
        engine.submit("die")
        heard: list[Ended] = []
        while len(heard) < 2:
            heard += engine.wait(GENEROUS)
        engine.submit("b")
        engine.submit("c")
        while len(heard) < 4:
            heard += engine.wait(GENEROUS)
    finally:
        engine.cancel()
    told = sorted(answer.trouble for answer in heard if answer.run_id != "die")
    assert told[0] == "a: 4"
    assert {answer[-1] for answer in told[1:]} == {"4", "7"}


@pytest.mark.parametrize(
    ("codes", "code", "words"),
    [
        ({0: 0}, 0, ""),
        ({1: 2, 0: -15}, 2, ""),  # it has said what is wrong, and torch ended the other
        ({1: 1, 0: RANKS_LOST}, 1, ""),
        ({0: 130, 1: -15}, 130, ""),
        ({1: -9, 0: RANKS_LOST}, 1, "a process of the run died (exit code -9)"),
        ({0: -15, 1: -11}, 1, "a process of the run died (exit code -11)"),
        ({0: RANKS_LOST, 2: -15}, 1, "lost the other processes of this run (no answer for 20 s)"),
        ({0: RANKS_LOST, 1: RANKS_LOST}, 1, "lost the other processes of this run (no answer for 20 s)"),
    ],
)
def test_one_exit_code_and_one_line_for_all(codes: dict[int, int], code: int, words: str) -> None:
    launched = judged(codes, 20.0, lambda code: False)
    assert (launched.code, launched.trouble) == (code, words)


def test_a_process_that_torch_killed_did_not_die_by_itself() -> None:
    """The first has lost the others, one of which hangs: torch, asked to end it, kills it half a minute later."""
    codes = {0: (RANKS_LOST, 100), 1: (-9, 131), 2: (-15, 101)}
    failures = {}
    for rank, (code, seconds) in codes.items():
        failures[rank] = ProcessFailure(local_rank=rank, pid=1, exitcode=code, error_file=os.devnull)
        failures[rank].timestamp = seconds
    assert own_ends(failures) == {0: RANKS_LOST, 2: -15}


def test_a_process_killed_for_want_of_memory_is_named() -> None:
    launched = judged({1: -9, 0: RANKS_LOST}, 20.0, lambda code: code == -9)
    assert launched.status == "out_of_memory"
    assert "memory was full" in launched.trouble


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "2 devices: 16 images each of a batch of 32; batch-norm statistics: over the whole batch, synchronised",
        ),
        ({"budget.batch_norm_images": 8}, "statistics: of 8 images each (budget.batch_norm_images)"),
        ({"step.accumulate": {"parts": 4}}, "gradients accumulated over 4 parts of 4; batch-norm"),
        ({"step.accumulate": {"parts": 4}}, "over each part on all devices, 8 images, synchronised"),
    ],
)
def test_the_shares_of_a_batch_are_told(small: Recipe, changes: dict[str, object], words: str) -> None:
    assert words in shares(apply(small, changes), 2, nn.BatchNorm2d(3))


def test_batch_norm_is_not_spoken_of_where_there_is_none(small: Recipe) -> None:
    assert shares(small, 4, nn.Linear(1, 1)) == "4 devices: 8 images each of a batch of 32"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        (
            {"step.accumulate": {"parts": 4}},
            "32 images of a batch on one device, gradients accumulated over 4 parts of 8; "
            "batch-norm statistics: of each part",
        ),
        (
            {"budget.batch_norm_images": 16},
            "32 images of a batch on one device; batch-norm statistics: of 16 images each "
            "(budget.batch_norm_images)",
        ),
    ],
)
def test_one_device_is_spoken_of_where_it_divides_the_batch(
    small: Recipe, changes: dict[str, object], words: str
) -> None:
    assert shares(apply(small, changes), 1, nn.BatchNorm2d(3)) == words


def test_the_shares_of_a_study_are_told_by_workload_and_where_arms_differ(
    study: Study, tmp_path: Path
) -> None:
    """Batches of 32, and of the 64 that one factor changes them to."""
    larger = InlineTrick(name="larger", set={"budget.batch_size": 64})
    plan = freeze(study.model_copy(update={"factors": ("cosine", larger)}), tmp_path / "out")
    whole = "batch-norm statistics, where there are any: over the whole batch, synchronised"
    assert shared_batches(plan) == [
        f"digits: 2 devices: 16 images each of a batch of 32; {whole}",
        f"digits, larger: 2 devices: 32 images each of a batch of 64; {whole}",
    ]
    one = plan.model_copy(update={"machine": {**plan.machine, "devices": 1}})
    assert shared_batches(one) == []


def test_more_devices_than_there_are_is_wrong_input() -> None:
    most = max(8, os.cpu_count() or 1)
    with pytest.raises(InputError, match=f"at most {most}"):
        check_devices(Machine(device="cpu", devices=most + 1))
    said = trickbag("train", "digits_baseline", "machine.device=cpu", f"machine.devices={most + 1}", code=2)
    assert said.count("\n") == 1
    if not torch.cuda.is_available():
        said = trickbag("train", "digits_baseline", "machine.device=cuda", "machine.devices=2", code=2)
        assert "no CUDA device" in said


def test_wrong_input_is_said_before_anything_is_started() -> None:
    said = trickbag("train", "digits_baseline", "budget.epoch=1", "machine.devices=2", code=2)
    assert said.count("\n") == 1
    assert "epoch" in said


def test_a_study_is_not_for_torchrun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("TORCH_CPP_LOG_LEVEL", raising=False)
    assert "machine.devices=N" in trickbag("run", tmp_path, code=2)
    monkeypatch.setenv("RANK", "1")
    assert trickbag("run", tmp_path, code=2) == ""
    monkeypatch.delenv("TORCH_CPP_LOG_LEVEL")


@pytest.mark.slow
def test_a_study_trains_each_run_on_two_devices_and_names_what_went_wrong(
    study: Study, machine: Machine, tmp_path: Path
) -> None:
    """One run is trained by a process each of torch's launcher, without the study, for comparison."""
    out = tmp_path / "out"
    freeze(study, out)
    plan = read_plan(out).plan()
    kept = plan.runs[0]
    for run in plan.runs[1:]:  # a record without training, to save their time
        place = out / "runs" / run.id
        place.mkdir(parents=True)
        record = RunRecord(
            **run.model_dump(exclude={"needs"}),
            status="done",
            top1=50.0,
            recipe={},
            machine={},
            provenance={},
        )
        (place / "run.json").write_text(record.model_dump_json())
    run_study(out, machine)
    trained = read_run(out / "runs" / kept.id)
    assert trained is not None
    assert trained.status == "done"
    assert trained.machine["devices"] == 2
    recipe = plan.arm(kept.workload, kept.arm).recipe
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    alone = tmp_path / "alone"
    words = ["train", tmp_path / "recipe.yaml", "machine.device=cpu", "machine.devices=2"]
    trickbag_process(*words, "--seed", str(kept.seed), "--out", alone)
    assert numbers(out / "runs" / kept.id) == numbers(alone)


def start(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "trickbag", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ranks(launcher: int) -> dict[int, int]:
    """Process ids of the processes that a launcher started, by rank."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            environment = (stat.parent / "environ").read_bytes() if parent == launcher else b""
        except (OSError, IndexError):
            continue
        if match := re.search(rb"\0RANK=(\d+)\0", environment):
            found[int(match[1])] = int(stat.parent.name)
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def at_work(process: subprocess.Popen[str], out: Path) -> dict[int, int]:
    """The processes of a run, once it has written a checkpoint since it was started."""
    before = (out / "checkpoint.pt").stat().st_mtime_ns if (out / "checkpoint.pt").exists() else 0
    end = time.monotonic() + GENEROUS
    while not (out / "checkpoint.pt").exists() or (out / "checkpoint.pt").stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    return ranks(process.pid)


def ended(process: subprocess.Popen[str], pids: dict[int, int]) -> tuple[int, list[str]]:
    """Exit code and what was said of it, once every process is gone."""
    said = process.communicate(timeout=GENEROUS)[1]
    end = time.monotonic() + GENEROUS
    while any(map(is_running, pids.values())):
        assert time.monotonic() < end
        time.sleep(0.05)
    return process.returncode, said.splitlines()


@pytest.mark.slow
def test_whatever_ends_the_processes_is_one_line_and_the_run_goes_on_to_the_same_numbers(
    tmp_path: Path,
) -> None:
    """Truth: the same two processes, undisturbed."""
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    trickbag_process(*LONG, "machine.devices=2", "--out", quiet)
    words = [*LONG, "machine.devices=2", "machine.patience_seconds=5", "--out", out]
    onward = "; the same command goes on from the last checkpoint"

    for signum in (signal.SIGINT, signal.SIGTERM):
        process = start(*words)
        pids = at_work(process, out)
        process.send_signal(signum)
        assert ended(process, pids) == (
            130,
            ["trickbag: stopped; the same command goes on from what is kept"],
        )

    process = start(*words)
    pids = at_work(process, out)
    os.kill(pids[1], signal.SIGKILL)
    assert ended(process, pids) == (1, [f"trickbag: a process of the run died (exit code -9){onward}"])

    process = start(*words)
    pids = at_work(process, out)
    os.kill(pids[1], signal.SIGSTOP)  # as one that hangs: torch ends it once the other has given up
    code, said = ended(process, pids)
    assert (code, said) == (
        1,
        [f"trickbag: lost the other processes of this run (no answer for 5 s){onward}"],
    )

    process = start(*words)
    pids = at_work(process, out)
    process.kill()
    code, said = ended(process, pids)
    assert code == -signal.SIGKILL
    assert read_run(out) is None

    trickbag_process(*LONG, "machine.devices=2", "--out", out)
    assert numbers(out) == numbers(quiet)
    record = read_run(out)
    assert record is not None
    assert record.resumed == 5
    ran = (out / "run.json").stat().st_mtime_ns
    trickbag_process(*LONG, "machine.devices=2", "--out", out)  # a finished run is not repeated
    assert (out / "run.json").stat().st_mtime_ns == ran


@pytest.mark.slow
def test_what_goes_wrong_in_another_process_alone_is_said_by_the_first(tmp_path: Path) -> None:
    """Two machines, one of which lacks the recipe: processes as torchrun starts them, in different folders."""
    folders = [tmp_path / "a", tmp_path / "b"]
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    processes = []
    for rank, folder in enumerate(folders):
        folder.mkdir()
        world = {
            "RANK": rank,
            "WORLD_SIZE": 2,
            "LOCAL_RANK": 0,
            "LOCAL_WORLD_SIZE": 1,
            "TORCHELASTIC_RUN_ID": "x",
        }
        world |= {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "PYTHONPATH": ROOT}
        env = os.environ | {name: str(value) for name, value in world.items()}
        command = [sys.executable, "-m", "trickbag", "train", "recipe.yaml"]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True))
        if rank == 0:
            (folder / "recipe.yaml").write_text(load_recipe("digits_baseline").yaml())
    said = [process.communicate(timeout=GENEROUS)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    assert said[0].startswith("trickbag: process 1: recipe.yaml")
    assert said[0].count("\n") == 1
    assert said[1] == ""
