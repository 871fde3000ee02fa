"""Two hosts of the test's own making, joined by a switch: torchrun trains across it, and the cables are cut.

The hosts are network namespaces, which only root can make; elsewhere the test is skipped and says so.
"""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from trickbag.records.run import CORRECT, read_run

ROOT = Path(__file__).parent.parent
TORCHRUN = Path(sys.executable).with_name("torchrun")
CABLE, PORTS, ADDRESSES = "cable", ("port1", "port2"), ("10.77.0.1", "10.77.0.2")
GENEROUS = 240.0  # seconds
TRAIN = [
    "train", "digits_baseline", "data.limit=320", "model.channels=[8,8,8]", "budget.epochs=40",
    "budget.evaluate=last_epoch", "machine.device=cpu", "machine.checkpoint_seconds=0",
]  # fmt: skip


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@dataclass
class Hosts:
    """Two network namespaces, each with a cable to the same switch, a third one."""

    names: tuple[str, str]
    switch: str

    def cables(self, state: str) -> None:
        """`up`, or `down` at the switch: the hosts keep their addresses and lose each other."""
        for port in PORTS:
            ip("-n", self.switch, "link", "set", port, state)

    def start(self, out: Path, patience: float) -> list[subprocess.Popen[str]]:
        """torchrun on both hosts, one process on each."""
        started = []
        for host, name in enumerate(self.names):
            words = [
                "ip", "netns", "exec", name, str(TORCHRUN), "--nnodes", "2", "--nproc-per-node", "1",
                "--node-rank", str(host), "--master-addr", ADDRESSES[0], "--master-port", "29400",
                "-m", "trickbag", *TRAIN, f"machine.patience_seconds={patience:g}", "--out", str(out),
            ]  # fmt: skip
            env = {**os.environ, "GLOO_SOCKET_IFNAME": CABLE, "OMP_NUM_THREADS": "1"}
            pipe = subprocess.PIPE
            started.append(subprocess.Popen(words, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True))
        return started


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    if shutil.which("ip") is None:
        pytest.skip("no `ip` command here, which makes network namespaces")
    tag = uuid.uuid4().hex[:6]
    here = Hosts((f"trickbag-{tag}-a", f"trickbag-{tag}-b"), f"trickbag-{tag}-switch")
    try:
        ip("netns", "add", here.switch)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr.strip()}")
    try:
        connect(here)
        yield here
    finally:
        for name in (*here.names, here.switch):  # and with them the cables
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def connect(hosts: Hosts) -> None:
    ip("-n", hosts.switch, "link", "add", "bridge", "type", "bridge")
    ip("-n", hosts.switch, "link", "set", "bridge", "up")
    for name, address, port in zip(hosts.names, ADDRESSES, PORTS, strict=True):
        ip("netns", "add", name)
        ip("link", "add", CABLE, "netns", name, "type", "veth", "peer", "name", port, "netns", hosts.switch)
        ip("-n", hosts.switch, "link", "set", port, "master", "bridge", "up")
        ip("-n", name, "address", "add", f"{address}/24", "dev", CABLE)
        for link in ("lo", CABLE):
            ip("-n", name, "link", "set", link, "up")


def numbers(out: Path) -> tuple[object, ...]:
    record = read_run(out)
    assert record is not None
    return record.top1, [row.loss for row in record.epochs], np.load(out / CORRECT)["top1"].tobytes()


@pytest.mark.slow
def test_a_cut_link_ends_both_hosts_and_the_run_goes_on_to_the_numbers_of_one_host(
    hosts: Hosts, tmp_path: Path
) -> None:
    """Truth: the same two processes on one host, undisturbed."""
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    words = [sys.executable, "-m", "trickbag", *TRAIN, "machine.devices=2", "--out", str(quiet)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)

    cut = hosts.start(out, patience=5)
    try:
        end = time.monotonic() + GENEROUS
        while not (out / "checkpoint.pt").exists():
            assert time.monotonic() < end
            assert all(process.poll() is None for process in cut), [p.communicate() for p in cut]
            time.sleep(0.01)
        hosts.cables("down")
        said = [process.communicate(timeout=GENEROUS)[1] for process in cut]
    finally:
        for process in cut:
            process.kill()
    assert [process.returncode for process in cut] == [1, 1]
    for host, errors in enumerate(said):
        ours = [line for line in errors.splitlines() if line.startswith("trickbag: ")]
        assert ours == [
            "trickbag: lost the other processes of this run (no answer for 5 s); the same command goes on from the "
            "last checkpoint"
        ], f"host {host}: {errors}"
    assert read_run(out) is None

    hosts.cables("up")
    again = hosts.start(out, patience=60)
    ends = [process.communicate(timeout=GENEROUS) for process in again]
    assert [process.returncode for process in again] == [0, 0], ends
    assert numbers(out) == numbers(quiet)
    record = read_run(out)
    assert record is not None
    assert record.resumed == 1
