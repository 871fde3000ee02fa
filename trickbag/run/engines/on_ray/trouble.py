"""What Ray's errors mean for a run."""

from dataclasses import dataclass
from typing import Any

from trickbag.errors import InputError
from trickbag.records.run import Status

# What takes a run away that cannot have caused it.
_BLAMELESS = ("NodeDiedError", "ObjectLostError", "LocalRayletDiedError")


@dataclass(frozen=True)
class Trouble:
    """What kept a run from ending by itself; `status` where that is how it ended."""

    words: str
    status: Status | None = None
    blameless: bool = False


def trouble_of(exceptions: Any, error: Exception) -> Trouble:
    """What `error` says, one of the module `ray.exceptions`, which a task gave instead of its result."""
    cause = getattr(error, "cause", None)  # of an error inside the task
    said = next(iter(str(cause or error).strip().splitlines()), "")
    if isinstance(cause, InputError):
        return Trouble(f"InputError: {cause}", "failed")
    if isinstance(error, exceptions.OutOfMemoryError):
        return Trouble(f"Ray ended it, since the memory of its node was used up: {said}", "out_of_memory")
    lost = tuple(getattr(exceptions, name) for name in _BLAMELESS)
    return Trouble(f"{type(cause or error).__name__}: {said}", blameless=isinstance(error, lost))
