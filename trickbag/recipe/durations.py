"""Durations are written `5ep`, `10%` or `400st` and become steps in one function."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ep|%|st)")


def _check(value: Any) -> Any:
    if not is_duration(value):
        raise ValueError(f"{value!r} is no duration; write 5ep, 10% or 400st")
    return value


Duration = Annotated[str, BeforeValidator(_check)]


def is_duration(value: Any) -> bool:
    """Whether `value` is written as a duration."""
    return isinstance(value, str) and _DURATION.fullmatch(value) is not None


def steps(duration: str, total_steps: int, steps_per_epoch: int) -> int:
    """A duration in optimizer steps (rounded): epochs, percent of the run, or steps."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is no duration; write 5ep, 10% or 400st")
    unit = {"ep": steps_per_epoch, "%": total_steps / 100, "st": 1}[match[2]]
    return round(float(match[1]) * unit)


def in_steps(value: Any, total_steps: int, steps_per_epoch: int) -> Any:
    """Plain data with every duration in it turned into steps."""
    if is_duration(value):
        return steps(value, total_steps, steps_per_epoch)
    if isinstance(value, list | tuple):
        return [in_steps(item, total_steps, steps_per_epoch) for item in value]
    return value
