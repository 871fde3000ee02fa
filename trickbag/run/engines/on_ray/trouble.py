"""What Ray's errors mean for a run."""

from typing import Any

from trickbag.errors import DiskError
from trickbag.run.engines.engine import Ended
from trickbag.run.together import ProcessDiedError

# What takes a run away that cannot have caused it.
_BLAMELESS = ("NodeDiedError", "ObjectLostError", "LocalRayletDiedError")


def trouble_of(exceptions: Any, run_id: str, error: Exception) -> Ended:
    """What `error` says, one of the module `ray.exceptions`, which a task gave instead of its result."""
    cause = getattr(error, "cause", None)  # of an error inside the task
    said = next(iter(str(cause or error).strip().splitlines()), "")
    if isinstance(cause, DiskError):
        return Ended(run_id, said, halts=True)
    if isinstance(cause, ProcessDiedError):
        return Ended(run_id, said, status=cause.status)
    if isinstance(error, exceptions.OutOfMemoryError):
        return Ended(
            run_id, f"Ray ended it, since its node ran out of memory: {said}", status="out_of_memory"
        )
    lost = tuple(getattr(exceptions, name) for name in _BLAMELESS)
    return Ended(run_id, f"{type(cause or error).__name__}: {said}", blameless=isinstance(error, lost))
