"""What the arguments of a schedule may be."""

from typing import Annotated

from trickbag.errors import InputError

Steps = Annotated[int, "steps"]
"""A duration: a recipe may write '30ep' or '25%'; the functions here take the steps it came to."""


def check(name: str, value: float, holds: bool, wanted: str) -> None:
    """InputError where an argument is not what is `wanted`."""
    if not holds:
        raise InputError(f"schedule.{name}: {value:g} must be {wanted}")


def check_final(final: float) -> None:
    """InputError where a schedule would end above its peak or below zero."""
    check("final", final, 0 <= final <= 1, "between 0 and 1")
