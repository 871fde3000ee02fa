"""Files are written whole: a temporary name, fsync, rename. What is read back is checked for its format."""

import errno
import json
import os
import platform
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from trickbag.errors import DiskError, InputError
from trickbag.records.safe_json import parse_json
from trickbag.records.temporary import temporary

FORMAT = 1
LARGEST = 2**28  # bytes of a record; the plan of a study on all of ImageNet has 2 MB
FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
PROBE = 2**20  # bytes; more than the smallest block of any file system
T = TypeVar("T", bound=BaseModel)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary neighbour of `path`, then put it in place; a reader never sees a part.

    Raises DiskError where the disk refuses; what `path` held before then stays.
    """
    with writing(path), temporary(path) as neighbour:
        _fill(neighbour, write)
        neighbour.chmod(0o666 & ~_umask())
        neighbour.replace(path)


def _fill(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file, down to the disk; OSError where that is what kept a library from it."""
    try:
        write(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError:
        raise
    except Exception as error:
        _ask_the_disk(path, str(error))
        raise


def _ask_the_disk(path: Path, said: str) -> None:
    """Raise the OSError behind what a library said; torch.save keeps it to itself, safetensors says its number."""
    if number := re.search(r"\(os error (\d+)\)", said):
        raise OSError(int(number[1]), os.strerror(int(number[1])))
    with path.open("ab") as file:
        file.write(bytes(PROBE))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever the disk has against writing `path` becomes a DiskError that says what would help."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        raise disk_error(path.parent, error) from error


def disk_error(folder: Path, error: OSError) -> DiskError:
    """What keeps files from being written in a folder, in one line."""
    if error.errno in FULL:
        return DiskError(f"no space left on the disk of {folder}; free some, and the same command goes on")
    said = error.strerror or str(error)
    if error.errno in FORBIDDEN:
        return DiskError(
            f"{folder}: can no longer be written ({said}); make it writable, and the same command goes on"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return DiskError(f"{folder}: was removed meanwhile; put it back, and the same command goes on")
    return DiskError(f"{folder}: cannot be written: {said}; the same command goes on once it can")


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
    """Write a record as JSON, whole; once this returns, not even a loss of power undoes it."""
    write_text(path, json.dumps(record.model_dump(mode="json"), indent=1, allow_nan=False) + "\n")
    with writing(path):
        _keep_names(path.parent)


def _keep_names(folder: Path) -> None:
    """Bring the renames in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems know no such thing
            raise
    finally:
        os.close(handle)


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
    """The text of a file; ValueError as `read_bytes`."""
    return read_bytes(path).decode()


def read_bytes(path: Path | str) -> bytes:
    """A regular file of no absurd size; ValueError for anything else, which might never end."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe is not waited for
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            raise ValueError(f"a regular file of at most {LARGEST >> 20} MiB is expected")
        return b"".join(iter(lambda: os.read(number, about.st_size + 1), b""))
    finally:
        os.close(number)


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
