"""The Ray engine, on a real cluster of two nodes of this machine: the numbers of the local engine, whatever is lost.

What the numbers must be comes from the same plans trained in this process, without any engine.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import ROOT, trickbag
from sklearn.datasets import load_digits
from test_run import make, numbers, records

from trickbag.data import ImageSet
from trickbag.data.tolerance import Flaw, Tolerance
from trickbag.errors import InputError
from trickbag.lab import freeze
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.run.driver import run_study
from trickbag.run.engines.on_ray.images import pack, unpack
from trickbag.run.engines.on_ray.shipment import check_versions, own_versions
from trickbag.run.engines.on_ray.trouble import trouble_of
from trickbag.run.execute import execute
from trickbag.run.state import State

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
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    x, y = load_digits(return_X_y=True)
    np.savez(data / "digits.npz", x=(x * 15).astype(np.uint8).reshape(-1, 1, 8, 8), y=y.astype(np.int64))
    (tmp_path / "mine.py").write_text(LOADER)
    own = machine.model_copy(update={"data_root": data, "cache": tmp_path / "cache"})
    study = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 3, "margin": 0.5}
    changes = {"data.name": "mine.py:digits", "model.channels": [8, 8, 8], "budget.epochs": 12}
    (tmp_path / "study.yaml").write_text(
        json.dumps({**study, "set": changes, "machine": own.model_dump(mode="json")})
    )
    freeze(str(tmp_path / "study.yaml"), out)
    quiet = expected(out, own)
    shutil.rmtree(data)
    shutil.rmtree(own.cache)
    second = two_nodes(cluster)

    def kill(state: State) -> None:
        early = [r for r in state.running if r.row and r.row.epoch <= 6]
        if second in cluster.worker_nodes and len(early) == 2:
            cluster.remove_node(second, allow_graceful=False)

    run_study(out, on_ray(own, cluster, retries=0), kill)
    assert second not in cluster.worker_nodes
    assert numbers(out) == quiet
    assert sum(record.resumed for record in records(out).values()) >= 1
    for name in records(out):
        left = {path.name for path in (out / "runs" / name).iterdir()}
        assert left == {"run.json", "correct.npz", "test.sealed.npz", ".lock"}


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
    for array in (*packed.train, *packed.test):
        array.setflags(write=False)
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


def test_errors_of_ray_are_named() -> None:
    """Ray's own error classes, as its documentation describes them."""
    exceptions = pytest.importorskip("ray").exceptions
    memory = trouble_of(
        exceptions, exceptions.OutOfMemoryError("Task was killed due to the node running low")
    )
    assert (memory.status, memory.blameless) == ("out_of_memory", False)
    assert trouble_of(exceptions, exceptions.NodeDiedError("the node is dead")).blameless
    assert not trouble_of(exceptions, exceptions.WorkerCrashedError()).blameless
    wrong = exceptions.RayTaskError("train_run", "Traceback …", InputError("node a: no images here"))
    assert trouble_of(exceptions, wrong).words == "InputError: node a: no images here"
    assert trouble_of(exceptions, wrong).status == "failed"
