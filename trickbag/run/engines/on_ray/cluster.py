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
    with _one_line(ray, address), _own_signals():
        if address is None:
            _start(ray, machine, cpus, quiet)
        else:
            reached = _reached(ray, address)
            # only a cluster that Ray has found itself is shown the token of this machine unasked
            ray.init(address=address if address == "auto" else reached, **quiet)


def check_reached(ray: Any, address: str | None) -> None:
    """InputError with one line where no cluster answers at an address, within seconds; nothing stays connected."""
    if address is not None:
        with _one_line(ray, address):
            _reached(ray, address)


@contextmanager
def _one_line(ray: Any, address: str | None) -> Iterator[None]:
    """Whatever keeps Ray from an address becomes an InputError with the first line of what it says."""
    try:
        yield
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, ImportError, ray.exceptions.RayError) as error:
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"machine.ray_address: {address or 'a Ray of this machine'}: {said}") from None


def _start(ray: Any, machine: Machine, cpus: int, quiet: dict[str, Any]) -> None:
    """Start a Ray of this machine alone; InputError where its ports would be open to others."""
    room = (machine.workers or 0) * cpus or max(cpus, available_cores())
    with _on_loopback():
        ray.init(
            "local",
            num_cpus=room,
            include_dashboard=False,
            _node_ip_address=LOOPBACK,
            _system_config={"worker_niceness": 0},  # by itself Ray lets its workers wait for all other work
            **quiet,
        )
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


def _reached(ray: Any, address: str) -> str:
    """The address of a cluster that answers and lets us in, as Ray takes it; an error where none does."""
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
    try:
        found: str = services.canonicalize_bootstrap_address(address)
    except ConnectionError:
        raise ValueError(
            "no Ray runs on this machine; start one with `ray start --head`, or name a cluster as HOST:PORT"
        ) from None
    _answering(found, found)
    if address != "auto":
        _check_admitted(ray, found)
    return found


def _check_admitted(ray: Any, address: str) -> None:
    """ValueError where a cluster asks for a token that this process does not show; Ray would try for half a minute."""
    try:
        import_module("ray._raylet").GcsClient(address=address)
    except ray.exceptions.AuthenticationError:
        raise ValueError(
            "the cluster asks for a token: export RAY_AUTH_MODE=token, with the cluster's own in ~/.ray/auth_token"
        ) from None


def _answering(address: str, place: str) -> str:
    """The address, at whose HOST:PORT a server answers."""
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise ConnectionError(f"no cluster answers at {place}: {error.strerror or error}") from None
    return address


def check_head(ray: Any) -> None:
    """ConnectionError where the head of the cluster that this process belongs to does not listen any more."""
    head = getattr(ray.get_runtime_context(), "gcs_address", "")  # not known through ray://
    if head:
        _answering(head, head)
