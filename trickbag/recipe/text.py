"""From YAML and the command line to plain data and typed values, with one clear line where that fails."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from trickbag.errors import InputError, unknown

T = TypeVar("T", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, except that `1e-4` is a number (YAML 1.2) and not a string."""

    yaml_implicit_resolvers = {
        key: list(value) for key, value in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
    """A mapping in which no key stands twice (PyYAML would silently keep the last)."""
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
        seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
    yield from loader.construct_yaml_map(node)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def parse_yaml(text: str, where: str) -> Any:
    """Plain data from YAML text; InputError with line and column where it is malformed."""
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"{where}: {place}malformed YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        place = f"line {line}, column {column}"
        raise InputError(f"{where}: {place}: malformed YAML: {error.reason}") from None
    except (ValueError, RecursionError) as error:  # a value that Python cannot hold, like the date 2024-99-99
        raise InputError(f"{where}: malformed YAML: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file."""
    try:
        plain = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not isinstance(plain, dict):
        found = "nothing" if plain is None else type(plain).__name__
        raise InputError(f"{path}: a mapping of fields is expected, found {found}")
    return plain


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """`field=value` words as a patch; values are read as YAML."""
    patch = {}
    for word in words:
        path, equals, value = word.partition("=")
        if not equals or not re.fullmatch(r"\w+(\.\w+)*", path):
            raise InputError(f"{word!r}: a field is set as field=value, like budget.epochs=2")
        patch[path] = parse_yaml(value, path)
    return patch


def validate(kind: type[T], plain: Any, where: str = "") -> T:
    """A typed value from plain data; InputError naming the first wrong field and what would be right.

    `where` is what the plain data stand in: a file, or with a dot behind it the field that holds them.
    """
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        raise _first_problem(kind, error, where) from None


EXPECTED = {  # pydantic speaks of Python's types
    "tuple_type": "a list is expected",
    "dict_type": "a mapping of fields is expected",
    "model_type": "a mapping of fields is expected",
    "mapping_type": "a mapping of fields is expected",
    "int_parsing": "a whole number is expected",
    "int_type": "a whole number is expected",
}


def _first_problem(kind: type[BaseModel], error: ValidationError, where: str) -> InputError:
    """The most telling problem that pydantic found, as one line."""
    # A misspelled field goes before the "missing" that it causes, and our own words before the alternatives
    # that a union tried in vain.
    telling = {"extra_forbidden": 0, "value_error": 1}
    first = min(error.errors(), key=lambda problem: telling.get(problem["type"], 2))
    *parents, last = [str(key) for key in first["loc"] if not _is_alternative(key)] or [""]
    if first["type"] == "extra_forbidden":
        return unknown("field", last, _fields_at(kind, parents), _place(where, parents))
    message = EXPECTED.get(first["type"], first["msg"].removeprefix("Value error, "))
    found = "" if first["type"] in {"missing", "value_error"} else f", found {first['input']!r}"
    return InputError(f"{_place(where, [*parents, last])}: {message[:1].lower()}{message[1:]}{found}")


def _place(where: str, path: Sequence[str]) -> str:
    """A field below the field, or in the file, that `where` names."""
    field = ".".join(path)
    return f"{where}{field}".strip(".") if where.endswith(".") else ": ".join(filter(None, [where, field]))


def _is_alternative(key: int | str) -> bool:
    """Whether a part of a place is pydantic's name for a member of a union, and no field of anyone's."""
    return isinstance(key, str) and (key in ("str", "int") or not key.isidentifier() or not key.islower())


def _fields_at(kind: type[BaseModel], path: Iterable[str]) -> list[str]:
    """The field names of the models that may sit at `path` inside `kind`."""
    nodes: list[Any] = [kind]
    for key in path:
        if not key.isdigit():
            fields = [model.model_fields[key] for model in _models(nodes) if key in model.model_fields]
            nodes = [field.annotation for field in fields]
    return [name for model in _models(nodes) for name in model.model_fields]


def _models(annotations: Iterable[Any]) -> Iterator[type[BaseModel]]:
    """The models in annotations, through unions and containers."""
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        else:
            yield from _models(get_args(annotation))
