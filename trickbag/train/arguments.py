"""Arguments of a catalogue entry, checked against the signature of what they are for."""

import inspect
from collections.abc import Callable, Collection, Hashable, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from trickbag.errors import InputError, unknown
from trickbag.recipe import thaw


def names_of(factory: Callable[..., Any]) -> list[str] | None:
    """The names of a factory's arguments; None where it takes any."""
    parameters = inspect.signature(factory).parameters
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else list(parameters)


def arguments(
    factory: Callable[..., Any],
    given: Mapping[str, Any],
    where: str,
    reserved: Collection[str] = (),
    declared: Collection[str] = (),
) -> dict[str, Any]:
    """The full keyword arguments of `factory`: `given` checked and converted, the rest by default.

    `reserved` parameters are passed by trickbag and cannot be given; `declared` fields of the section are
    suggested with the arguments when a name is unknown. Raises InputError for an unknown or missing name or a
    wrong type, naming `where`.
    """
    make = _model if isinstance(factory, Hashable) else _model.__wrapped__
    model, open_ended = make(factory, frozenset(reserved))
    fields = list(model.model_fields)
    for name in given:
        if name not in fields and not open_ended:
            raise unknown("argument", name, [*fields, *declared], where)
    try:
        checked = model.model_validate(thaw(given))
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join([where, *map(str, problem["loc"])])
        if problem["type"] == "missing":
            raise InputError(f"{place}: must be given") from None
        if problem["type"] in ("tuple_type", "list_type"):
            found = problem["input"]
            as_list = f"[{found}]" if isinstance(found, str | int | float) else "[A, B]"
            raise InputError(f"{place}: a list is expected, written {as_list}, found {found!r}") from None
        raise InputError(f"{place}: {problem['msg'].lower()}, found {problem['input']!r}") from None
    return {name: getattr(checked, name) for name in [*fields, *(checked.model_extra or {})]}


@lru_cache(maxsize=512)  # making one takes milliseconds, and every run of a study asks for the same dozen
def _model(factory: Callable[..., Any], reserved: frozenset[str]) -> tuple[type[BaseModel], bool]:
    """A model of the arguments that can be given to a factory, and whether it takes any others besides."""
    signature = inspect.signature(factory)
    hints = get_type_hints(factory.__init__ if inspect.isclass(factory) else factory, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in signature.parameters.items()
        if name not in reserved and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    config = ConfigDict(extra="allow", arbitrary_types_allowed=True)
    model = create_model("Arguments", __config__=config, **fields)
    return model, any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
