"""What Ray's errors mean for a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trickbag.errors import DiskError, HaltedError, InputError
from trickbag.run.distributed.ranks import ProcessDiedError
from trickbag.run.engines.engine import Ended

# What takes a run away that cannot have caused it.
_BLAMELESS = ("NodeDiedError", "ObjectLostError", "LocalRayletDiedError")


class NodeError(InputError):
    """A node cannot do what a run needs; another one may."""

    node = ""  # Ray's id of it


class VersionError(NodeError):
    """A node has other versions than the driver, so that numbers might differ."""


class ClusterLostError(HaltedError):
    """The cluster does not answer any more. The command line prints the message and exits with code 1."""


@contextmanager
def answering(exceptions: Any) -> Iterator[None]:
    """ClusterLostError where Ray, of whose module `ray.exceptions` this is, has an error that is no run's own."""
    try:
        yield
    except (exceptions.RayError, ConnectionError, TimeoutError) as error:
        said = _first_line(error) or type(error).__name__
        raise ClusterLostError(
            f"the Ray cluster does not answer any more ({said}); the same command goes on once one does"
        ) from None


def _first_line(error: BaseException) -> str:
    """What an error says first."""
    return next(iter(str(error).strip().splitlines()), "")


def trouble_of(exceptions: Any, run_id: str, error: Exception) -> Ended:
    """What `error` says, one of the module `ray.exceptions`, which a task gave instead of its result."""
    cause = getattr(error, "cause", None)  # of an error inside the task
    said = _first_line(cause or error)
    if isinstance(cause, DiskError | VersionError):
        return Ended(run_id, said, halts=True)
    if isinstance(cause, ProcessDiedError):
        return Ended(run_id, said, status=cause.status)
    if isinstance(error, exceptions.OutOfMemoryError):
        return Ended(
            run_id, f"Ray ended it, since its node ran out of memory: {said}", status="out_of_memory"
        )
    lost = tuple(getattr(exceptions, name) for name in _BLAMELESS)
    return Ended(run_id, f"{type(cause or error).__name__}: {said}", blameless=isinstance(error, lost))
