"""The Ray engine, on a real cluster of two nodes of this machine: the numbers of the local engine, whatever is lost.

What the numbers must be comes from the same plans trained in this process, without any engine.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import ROOT, trickbag
from sklearn.datasets import load_digits
from test_distributed import ranks
from test_run import SMALL, make, numbers, pretend_other_seeds, records, trained
from test_slurm_engine import numbers_of, pretend

from trickbag.data import ImageSet
from trickbag.data.tolerance import Flaw, Tolerance
from trickbag.errors import DiskError, InputError
from trickbag.lab import freeze
from trickbag.recipe import Data, Machine, validate
from trickbag.records.chain import read_plan
from trickbag.run.driver import run_study
from trickbag.run.engines.engine import Ended
from trickbag.run.engines.on_ray.bundle import check_versions, own_versions
from trickbag.run.engines.on_ray.images import pack, unpack
from trickbag.run.engines.on_ray.trouble import trouble_of
from trickbag.run.execute import execute
from trickbag.run.state import State
from trickbag.train import open_data

# Ray stays on the loopback interface then; read when it is first imported, here and by drivers of their own.
ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": str(ROOT),
}
LOADER = '''"""A reader of one's own."""
import numpy as np
from trickbag.data import ImageSet


def digits(root):
    """The digits in a file."""
    with np.load(root / "digits.npz") as file:
        x, y = file["x"], file["y"]
    return ImageSet.of((x[:600], y[:600]), (x[600:700], y[600:700]), tuple("0123456789"))
'''


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and another node, with room for a run each."""
    patch = pytest.MonkeyPatch()
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    utils = pytest.importorskip("ray.cluster_utils")
    patch.setattr(sys.modules["ray._private.ray_constants"], "ENABLE_RAY_CLUSTER", False)
    sizes = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1"}
    place = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: paths of sockets have at most 107 letters
    made = utils.Cluster(
        initialize_head=True, head_node_args={**sizes, "temp_dir": place, "include_dashboard": False}
    )
    made.sizes = sizes
    made.add_node(**sizes)
    yield made
    made.shutdown()
    shutil.rmtree(place, ignore_errors=True)
    patch.undo()


def on_ray(machine: Machine, cluster: Any, **fields: object) -> Machine:
    """The machine block of a study on the cluster; runs side by side as the nodes have room for."""
    own = {"engine": "ray", "ray_address": cluster.address, "workers": None, "checkpoint_seconds": 0.0}
    return machine.model_copy(update={**own, **fields})


def settled(condition: Callable[[], object], driver: subprocess.Popen[str], seconds: float = 300.0) -> None:
    """Wait until a condition holds while a driver is at work."""
    end = time.monotonic() + seconds
    while not condition():
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def driver_process(out: Path, *words: str) -> "subprocess.Popen[str]":
    """`trickbag run` with Ray, in a process of its own."""
    command = [sys.executable, "-m", "trickbag", "run", str(out), "machine.engine=ray", *words]
    env = {**os.environ, **ENVIRONMENT}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)


def listening(of: int) -> list[str]:
    """The addresses on which the descendants of a process listen, in hexadecimal, one per TCP port."""
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table]
    ports = {f"socket:[{row[9]}]": row[1].partition(":")[0] for row in rows if row[3] == "0A"}
    files = [file for pid in descendants(of) for file in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = set()
    for file in files:
        with contextlib.suppress(OSError):  # closed meanwhile
            sockets.add(os.readlink(file))
    return [ports[name] for name in sockets if name in ports]


def descendants(of: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    parents = dict[int, int]()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone meanwhile
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = [of]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found[1:]


def two_nodes(cluster: Any) -> Any:
    """The second node, there again where a test has killed it."""
    return next(iter(cluster.worker_nodes), None) or cluster.add_node(**cluster.sizes)


def expected(out: Path, machine: Machine) -> dict[str, tuple[object, ...]]:
    """The numbers of a planned study, trained in this process; its folder is as planned again."""
    plan = read_plan(out).plan()
    for run in plan.runs:
        assert execute(out, plan, run, machine, lambda: False)
    found = numbers(out)
    shutil.rmtree(out / "runs")
    return found


def test_images_of_ones_own_and_a_lost_node_change_no_number(
    cluster: Any, tmp_path: Path, machine: Machine
) -> None:
    """The images lie nowhere any more when the study runs: tasks can only have them from the object store.

    One node is killed while both are at work. No retries are granted: a lost node is no fault of its run.
    """
    own, out = own_images(tmp_path, machine, epochs=12)
    quiet = expected(out, own)
    remove_images(own)
    second = two_nodes(cluster)

    def kill(state: State) -> None:
        early = [r for r in state.running if r.row and r.row.epoch <= 10]
        if second in cluster.worker_nodes and len(early) == 2:
            cluster.remove_node(second, allow_graceful=False)

    run_study(out, on_ray(own, cluster, retries=0), kill)
    assert second not in cluster.worker_nodes
    assert numbers(out) == quiet
    assert sum(record.resumed for record in records(out).values()) >= 1
    for name in records(out):
        left = {path.name for path in (out / "runs" / name).iterdir()}
        assert left == {"run.json", "correct.npz", "test.sealed.npz", ".lock"}


def own_images(tmp_path: Path, machine: Machine, epochs: int) -> tuple[Machine, Path]:
    """A planned study of images that a reader of one's own finds in `machine.data_root`; machine and folder."""
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    x, y = load_digits(return_X_y=True)
    np.savez(data / "digits.npz", x=(x * 15).astype(np.uint8).reshape(-1, 1, 8, 8), y=y.astype(np.int64))
    (tmp_path / "mine.py").write_text(LOADER)
    own = machine.model_copy(update={"data_root": data, "cache": tmp_path / "cache"})
    study = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 3, "margin": 0.5}
    changes = {"data.name": "mine.py:digits", "model.channels": [8, 8, 8], "budget.epochs": epochs}
    (tmp_path / "study.yaml").write_text(
        json.dumps({**study, "set": changes, "machine": own.model_dump(mode="json")})
    )
    freeze(str(tmp_path / "study.yaml"), out)
    return own, out


def remove_images(machine: Machine) -> None:
    """From now on a task can have them from the object store alone."""
    assert machine.data_root is not None
    shutil.rmtree(machine.data_root)
    shutil.rmtree(machine.cache)


@pytest.mark.slow
def test_a_run_on_two_devices_of_a_node_has_the_numbers_of_two_devices_here(
    cluster: Any, tmp_path: Path, machine: Machine
) -> None:
    """The processes of the run have neither the study's folder nor its images but by the task that starts them.

    Only a node with two CPUs can take it. On the way one of its processes is killed, once.
    """
    own, out = own_images(tmp_path, machine.model_copy(update={"devices": 2}), epochs=12)
    plan = read_plan(out).plan()
    only = plan.runs[0]
    assert execute(out, plan, only, own, lambda: False)
    quiet = numbers_of(out, only)
    shutil.rmtree(out / "runs")
    pretend(out, plan.runs[1:])
    open_data(validate(Data, plan.arm(only.workload, only.arm).recipe["data"], "data"), own, out)
    remove_images(own)  # this process keeps what it has opened
    node = cluster.add_node(**{**cluster.sizes, "num_cpus": 2})
    killed: list[int] = []

    def kill(state: State) -> None:
        if not killed and (out / "runs" / only.id / "checkpoint.pt").exists():
            killed.extend(ranks(only.id))
            os.kill(killed[0], signal.SIGKILL)

    try:
        run_study(out, on_ray(own, cluster, retries=1), kill)
    finally:
        cluster.remove_node(node, allow_graceful=False)
    assert len(killed) == 2
    assert records(out)[only.id].resumed == 1
    assert numbers_of(out, only) == quiet


def test_where_no_cluster_is_one_line_says_so(tmp_path: Path, machine: Machine) -> None:
    """Nothing listens on port 1 of this machine."""
    pytest.importorskip("ray")
    make(tmp_path / "out", machine)
    said = trickbag("run", tmp_path / "out", "machine.engine=ray", "machine.ray_address=127.0.0.1:1", code=2)
    assert said.startswith("trickbag: machine.ray_address: 127.0.0.1:1: no cluster answers at ")
    assert said.count("\n") == 1


def test_without_ray_one_line_says_what_to_install(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as Python marks what cannot be imported
    make(tmp_path / "out", machine)
    with pytest.raises(InputError, match=r"pip install 'trickbag\[ray\]'"):
        run_study(tmp_path / "out", machine.model_copy(update={"engine": "ray"}))


def test_images_come_out_of_the_object_store_as_they_went_in() -> None:
    """Ray hands out read-only arrays, which torch warns of: warnings are errors in these tests."""
    x = np.arange(4 * 3 * 2 * 2, dtype=np.uint8).reshape(4, 3, 2, 2)
    y = np.array([0, 1, 0, 1])
    plain = ImageSet.of((x, y), (x[:1], y[:1]), ("a", "b"))
    flaws = ({2: Flaw("photo.jpg", "no image")}, {})
    before = ImageSet(**{**vars(plain), "tolerance": Tolerance(3), "flaws": flaws, "reencoded": "smaller"})
    packed = pack(before)
    assert packed is not None
    for value in packed.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    after = unpack(packed)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(after, name), getattr(before, name))
    assert (after.tolerance.limit, after.flaws) == (3, flaws)
    assert (after.digest, after.classes, after.reencoded) == (before.digest, before.classes, "smaller")
    assert np.shares_memory(after.train_images.numpy(), x)  # type: ignore[union-attr]


def test_a_node_with_another_torch_is_refused() -> None:
    check_versions(own_versions())
    with pytest.raises(InputError, match=r"torch .* is installed, the driver has 1\.0"):
        check_versions({**own_versions(), "torch": "1.0"})


def test_a_node_without_memory_or_room_on_its_disk_is_named() -> None:
    """Ray's own error classes, as its documentation describes them, for what no test brings about here."""
    exceptions = pytest.importorskip("ray").exceptions
    memory = trouble_of(exceptions, "a", exceptions.OutOfMemoryError("the node is running low"))
    assert (memory.status, memory.blameless) == ("out_of_memory", False)
    full = exceptions.RayTaskError("train_run", "Traceback …", DiskError("node b: no space left"))
    assert trouble_of(exceptions, "a", full) == Ended("a", "node b: no space left", halts=True)


@pytest.mark.slow
def test_a_killed_driver_repeats_nothing_that_was_finished(
    cluster: Any, tmp_path: Path, machine: Machine
) -> None:
    out = tmp_path / "out"
    make(out, machine.model_copy(update={"checkpoint_seconds": 0.0}))
    quiet = expected(out, machine)
    two_nodes(cluster)
    driver = driver_process(out, f"machine.ray_address={cluster.address}", "machine.workers=2")
    settled(lambda: len(records_so_far(out)) >= 2 and list(out.glob("runs/*/checkpoint.pt")), driver)
    driver.kill()
    driver.communicate()
    before = {path: path.stat().st_mtime_ns for path in records_so_far(out)}
    run_study(out, on_ray(machine, cluster))
    assert len(before) >= 2
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert numbers(out) == quiet


def records_so_far(out: Path) -> list[Path]:
    """The records of the runs that have ended."""
    return list(out.glob("runs/*/run.json"))


@pytest.mark.slow
def test_a_ray_of_this_machine_alone_is_on_loopback_and_stops_when_told(
    tmp_path: Path, machine: Machine
) -> None:
    """What it had begun, the local engine ends: engines may change on the way."""
    out = tmp_path / "out"
    make(out, machine, set={**SMALL, "budget.epochs": 25})
    pretend_other_seeds(out)
    plan = read_plan(out).plan()
    for run in plan.runs:
        execute(out, plan, run, machine, lambda: False)
    quiet = {record.id: (record.top1, [row.loss for row in record.epochs]) for record in trained(out)}
    for name in quiet:
        shutil.rmtree(out / "runs" / name)
    driver = driver_process(out, "machine.workers=2")
    settled(lambda: list(out.glob("runs/*/progress.jsonl")), driver)
    where = listening(driver.pid)
    driver.send_signal(signal.SIGTERM)
    _, said = driver.communicate(timeout=120)
    assert driver.returncode == 130, said
    assert "Traceback" not in said
    assert len(where) >= 4  # its head, its node and their workers
    loopback = "0100007F"  # 127.0.0.1, as /proc/net/tcp writes it; below, as IPv6 wraps it
    assert set(where) <= {loopback, f"0000000000000000FFFF0000{loopback}"}
    assert list(out.glob("runs/*/checkpoint.pt"))
    run_study(out, machine)
    assert sum(record.resumed for record in trained(out)) >= 1
    assert {r.id: (r.top1, [row.loss for row in r.epochs]) for r in trained(out)} == quiet


@pytest.mark.slow
def test_students_get_their_teacher_and_bad_outcomes_are_named(
    cluster: Any, tmp_path: Path, machine: Machine
) -> None:
    """One run makes a mistake, one kills its process; the teacher's weights travel to its student."""
    out = tmp_path / "out"
    (tmp_path / "mine.py").write_text(
        "import os\n"
        "class Fails:\n    rank = 1\n    def __call__(self, x, draws): raise RuntimeError('my mistake')\n"
        "class Dies:\n    rank = 1\n    def __call__(self, x, draws): os._exit(7)\n"
    )
    own = [
        {"name": name, "set": {"sample": {f"mine.py:{name.capitalize()}": {}}}} for name in ("fails", "dies")
    ]
    study = {"name": "s", "baseline": "digits_baseline", "factors": ["distillation", *own], "seeds": 3}
    more = {"margin": 0.5, "set": SMALL, "teacher": {"set": {"model.width": 2.0}}}
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps({**study, **more, "machine": machine.model_dump(mode="json")}))
    freeze(str(file), out)
    pretend_other_seeds(out)
    two_nodes(cluster)
    run_study(out, on_ray(machine, cluster, retries=0))
    outcomes = {record.arm: (record.status, record.message) for record in trained(out)}
    assert outcomes["baseline"] == outcomes["teacher"] == outcomes["distillation"] == ("done", "")
    assert outcomes["fails"] == ("failed", "RuntimeError: my mistake (mine.py, line 4)")
    assert outcomes["dies"][0] == "died"
    assert outcomes["dies"][1].startswith("WorkerCrashedError: ")
