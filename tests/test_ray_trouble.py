"""What the Ray engine does where a node lacks something, and where the cluster is gone."""

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_ray import cluster, driver_process, settled, two_nodes  # noqa: F401
from test_run import SMALL, make, pretend_other_seeds, records, trained

from trickbag.lab import freeze
from trickbag.recipe import Machine
from trickbag.run.engines.engine import Ended
from trickbag.run.engines.on_ray.bundle import check_versions, own_versions
from trickbag.run.engines.on_ray.trouble import NodeError, VersionError, trouble_of

ONLY_ELSEWHERE = '''"""Images that the first node of a cluster lacks, the driver's; without Ray they are there."""
import ray
from sklearn.datasets import load_digits
from trickbag.data import ImageSet


def digits(root):
    """The digits, unless this is the head."""
    if ray.is_initialized():
        here = ray.get_runtime_context().get_node_id()
        resources = next(node["Resources"] for node in ray.nodes() if node["NodeID"] == here)
        if "node:__internal_head__" in resources:
            raise FileNotFoundError(2, "No such file or directory", "digits.npz")
    x, y = load_digits(return_X_y=True)
    x = (x * 15).astype("uint8").reshape(-1, 1, 8, 8)
    return ImageSet.of((x[:600], y[:600]), (x[600:700], y[600:700]), tuple("0123456789"))
'''


def test_a_node_with_other_versions_stops_the_study() -> None:
    """Every run that it gets would end so; what is installed there is for a person to mend."""
    exceptions = pytest.importorskip("ray").exceptions
    with pytest.raises(VersionError) as caught:
        check_versions({**own_versions(), "torch": "1.0"})
    error = exceptions.RayTaskError("train_run", "Traceback …", caught.value)
    ended = trouble_of(exceptions, "a", error)
    assert ended == Ended("a", str(caught.value), halts=True)
    assert "\n" not in ended.trouble


def test_the_node_of_an_error_travels_with_it() -> None:
    """Ray pickles what a task raises."""
    error = NodeError("node b: no images")
    error.node = "b7"
    assert pickle.loads(pickle.dumps(error)).node == "b7"


def listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A cluster as `ray start` makes it where the machine has a token; its address, and a home with that token."""
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *words], env={**env, "RAY_AUTH_MODE": "token"},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not listens(port):
            assert head.poll() is None
            time.sleep(0.2)
        yield f"127.0.0.1:{port}", env
    finally:
        head.terminate()
        head.wait(30)


@pytest.mark.slow
def test_a_cluster_that_asks_for_a_token(guarded: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    """Without it one line, and nothing is written; Ray alone would try for half a minute."""
    address, env = guarded
    small = {"model.channels": [8, 8, 8], "budget.epochs": 1, "data.limit": 400}
    own = {
        "name": "s",
        "baseline": "digits_baseline",
        "set": small,
        "factors": ["cosine"],
        "seeds": 3,
        "margin": 1,
    }
    (tmp_path / "study.yaml").write_text(json.dumps(own))
    out, words = (
        tmp_path / "out",
        ["machine.engine=ray", f"machine.ray_address={address}", "machine.device=cpu"],
    )
    command = [
        sys.executable,
        "-m",
        "trickbag",
        "study",
        str(tmp_path / "study.yaml"),
        "--out",
        str(out),
        *words,
    ]
    refused = subprocess.run(command, env=env, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "the cluster asks for a token: export RAY_AUTH_MODE=token" in refused.stderr.splitlines()[-1]
    assert not out.exists()
    let_in = subprocess.run(command, env={**env, "RAY_AUTH_MODE": "token"}, capture_output=True, text=True)
    assert let_in.returncode == 0, let_in.stderr
    assert len(trained(out)) == 6


@pytest.mark.slow
def test_runs_go_where_their_images_are(cluster: Any, tmp_path: Path, machine: Machine) -> None:  # noqa: F811
    """No retries are granted: that a node lacks images is no fault of a run. Without the other node it is recorded."""
    out = tmp_path / "out"
    (tmp_path / "mine.py").write_text(ONLY_ELSEWHERE)
    study = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 3, "margin": 0.5}
    changes = {"data.name": "mine.py:digits", "model.channels": [8, 8, 8], "budget.epochs": 2}
    own = {**study, "set": changes, "machine": machine.model_dump(mode="json")}
    (tmp_path / "study.yaml").write_text(json.dumps(own))
    freeze(str(tmp_path / "study.yaml"), out)
    pretend_other_seeds(out)
    if cluster.worker_nodes:
        cluster.remove_node(next(iter(cluster.worker_nodes)))
    words = (f"machine.ray_address={cluster.address}", "machine.workers=2", "machine.retries=0")
    assert ended(driver_process(out, *words)) == 1
    assert {(r.status, "No such file" in r.message) for r in trained_or_failed(out)} == {("failed", True)}
    two_nodes(cluster)
    assert ended(driver_process(out, *words)) == 0
    assert {record.status for record in trained(out)} == {"done"}


def trained_or_failed(out: Path) -> list[Any]:
    return [record for record in records(out).values() if record.seed == 1]


def ended(driver: "subprocess.Popen[str]") -> int:
    """The exit code of a driver that has said nothing but lines."""
    _, said = driver.communicate(timeout=300)
    assert "Traceback" not in said, said
    return driver.returncode


@pytest.mark.slow
def test_where_the_cluster_is_gone_one_line_says_so(
    cluster: Any,  # noqa: F811
    tmp_path: Path,
    machine: Machine,
) -> None:
    """The last test of this file: the head's server is killed while runs are under way; its node lives on."""
    out = tmp_path / "out"
    make(out, machine.model_copy(update={"checkpoint_seconds": 0.0}), set={**SMALL, "budget.epochs": 500})
    pretend_other_seeds(out)
    driver = driver_process(out, f"machine.ray_address={cluster.address}", "machine.workers=2")
    settled(lambda: list(out.glob("runs/*/checkpoint.pt")), driver)
    cluster.head_node.kill_gcs_server(check_alive=False)
    _, said = driver.communicate(timeout=300)
    assert driver.returncode == 1, said
    assert "Traceback" not in said
    assert "the Ray cluster does not answer any more" in said
    assert list(out.glob("runs/*/checkpoint.pt"))
