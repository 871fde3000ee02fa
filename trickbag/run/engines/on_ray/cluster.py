"""The connection to a Ray cluster, or a Ray of this machine alone that nobody else can reach."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from trickbag.data.threads import available_cores
from trickbag.errors import InputError
from trickbag.recipe import Machine

LOOPBACK = "127.0.0.1"
_REACH_SECONDS = 5.0  # for a cluster to answer; Ray itself would try for minutes


def load_ray() -> Any:
    """The installed package `ray`; InputError where there is none."""
    try:
        return import_module("ray")
    except ImportError:
        raise InputError(
            "machine.engine: ray is not installed; install it with: pip install 'trickbag[ray]'"
        ) from None


def connect(ray: Any, machine: Machine, cpus: int) -> None:
    """Connect this process to the cluster that a machine block names; `cpus` is what one run takes.

    Raises InputError with one line where no cluster is there, within seconds.
    """
    threads = {name: str(machine.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "runtime_env": {"env_vars": threads}}
    if ray.is_initialized():
        raise InputError(
            "machine.engine: this process is connected to Ray already; call ray.shutdown() first"
        )
    address = machine.ray_address
    try:
        with _own_signals():
            if address is None:
                _start(ray, machine, cpus, quiet)
            else:
                ray.init(address=_reached(address), **quiet)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"machine.ray_address: {address or 'a Ray of this machine'}: {said}") from None


def _start(ray: Any, machine: Machine, cpus: int, quiet: dict[str, Any]) -> None:
    """Start a Ray of this machine alone; InputError where its ports would be open to others."""
    room = (machine.workers or 0) * cpus or max(cpus, available_cores())
    with _on_loopback():
        ray.init("local", num_cpus=room, include_dashboard=False, _node_ip_address=LOOPBACK, **quiet)
    where = {node["NodeManagerAddress"] for node in ray.nodes()}
    if where != {LOOPBACK}:
        raise InputError(
            f"machine.engine: this version of Ray ({ray.__version__}) opens its ports on {', '.join(where)}, not on "
            f"{LOOPBACK} alone; start a cluster yourself and name it with machine.ray_address"
        )


def room(ray: Any, needs: Mapping[str, int], without: Collection[str] = ()) -> int:
    """How many runs with such needs, resource -> amount, the cluster holds when nothing else is there.

    Its nodes whose ids are `without` do not count.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["NodeID"] not in without]
    return sum(min(int(node.get(name, 0) // amount) for name, amount in needs.items()) for node in nodes)


def check_room(ray: Any, machine: Machine, needs: Mapping[str, int]) -> None:
    """InputError where no node could ever take a run, unless more nodes are to come."""
    if not machine.workers and not room(ray, needs):
        said = " and ".join(f"{amount} {name}" for name, amount in needs.items())
        raise InputError(
            f"machine.ray_address: no node of the cluster has {said}, which a run takes; where nodes join on demand, "
            "say with machine.workers how many runs are to be side by side"
        )


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have Ray stay on the loopback interface, as it does of itself on other systems than Linux.

    On Linux it takes 127.0.0.1 for the address that other machines would use, and its servers listen on every
    interface unless their node's address is 127.0.0.1.
    """
    constants: Any = import_module("ray._private.ray_constants")
    before, usage = constants.ENABLE_RAY_CLUSTER, os.environ.get("RAY_USAGE_STATS_ENABLED")
    constants.ENABLE_RAY_CLUSTER = False
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before
        os.environ.pop("RAY_USAGE_STATS_ENABLED")
        if usage is not None:
            os.environ["RAY_USAGE_STATS_ENABLED"] = usage


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM, which `ray.init` replaces."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _reached(address: str) -> str:
    """The address of a cluster that answers, as Ray takes it; InputError or OSError where none does."""
    if address == "local":
        raise ValueError("leave it out (null) for a Ray of this machine alone")
    client = address.startswith("ray://")
    if client:
        with suppress(ImportError):
            import_module("grpc")
            return _answering(address, address.removeprefix("ray://"))
        raise ImportError("ray:// needs Ray's client; install it with: pip install 'ray[client]'")
    services: Any = import_module("ray._private.services")
    services.find_gcs_addresses.cache_clear()
    found = services.canonicalize_bootstrap_address(address)
    return _answering(found, found)


def _answering(address: str, place: str) -> str:
    """The address, at whose HOST:PORT a server answers."""
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise OSError(f"no cluster answers at {place}: {error.strerror or error}") from None
    return address
