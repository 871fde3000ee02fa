"""Files are written whole: a temporary name, fsync, rename. What is read back is checked for its format."""

import json
import os
import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from trickbag.errors import InputError
from trickbag.records.plain import parse_json

FORMAT = 1
LARGEST = 2**28  # bytes of a record; the plan of a study on all of ImageNet has 2 MB
T = TypeVar("T", bound=BaseModel)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary neighbour of `path`, then put it in place; a reader never sees a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record as JSON, whole."""
    write_text(path, json.dumps(record.model_dump(mode="json"), indent=1, allow_nan=False) + "\n")


def read_record(kind: type[T], path: Path) -> T:
    """Read a record; InputError where the file is missing, damaged or of another format."""
    try:
        plain = parse_json(read_text(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged: {error}") from None
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise InputError(f"{path}: a file of format {FORMAT} is expected")
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        raise InputError(f"{path}: damaged: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The first thing that does not fit a model: where, and what."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def read_text(path: Path) -> str:
    """The text of a regular file of no absurd size; ValueError for anything else, which might never end."""
    if path.exists() and not path.is_file():
        raise ValueError("a regular file is expected")
    if path.is_file() and path.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST >> 20} MiB")
    return path.read_text(encoding="utf-8")


def now() -> str:
    """The time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> dict[str, str]:
    """What produced a file: versions of trickbag, Python and the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in ("trickbag", "torch", "torchvision", "timm", "numpy", "scipy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def provenance() -> dict[str, Any]:
    """Where and with what a file was made."""
    return {"written": now(), "system": platform.platform(), "versions": versions()}
