"""The folder that a prepared form is made in: whose it is, what stands in it, and who works there."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trickbag.data.opening.cache import load_arrays, write_file
from trickbag.data.opening.prepared import META, is_prepared, open_flat, read_meta
from trickbag.errors import InputError

LOCK = ".lock"
STATE = "preparing.json"  # what is under way here; there until the form is complete
ENTRY = ".arrays"  # where arrays are written before their files get their place
_MAPPINGS = ("re-encoded", "arguments")
_CLAIM = ("data set", "root", *_MAPPINGS)
Say = Callable[[str], None]


def complete(home: Path) -> dict[str, Any] | None:
    """What `meta.json` of the complete form in `home` says; None where there is none."""
    if not is_prepared(home):
        return None
    try:
        meta = read_meta(home)
        meta["provenance"]["data set"]
    except (InputError, KeyError, TypeError):
        raise InputError(
            f"{home / META}: damaged, or not of a prepared data set; choose another folder with --to"
        ) from None
    return meta


def sound(home: Path, meta: Mapping[str, Any], say: Say) -> bool:
    """Whether the files of a complete form fit together; says so where they do not."""
    try:
        if meta["kind"] == "encoded":
            open_flat(home, tuple(meta["classes"]))
        elif load_arrays(home) is None:
            raise InputError(f"{home}: damaged")
    except InputError as error:
        say(f"{error}: preparing it anew")
        return False
    return True


def check_same(home: Path, made: Mapping[str, Any], claim: Mapping[str, Any], *, root: bool) -> None:
    """InputError where what stands in `home` was made of something else, or otherwise, than is asked for now."""
    if any(made.get(key) != claim[key] for key in _CLAIM if root or key != "root"):
        raise InputError(
            f"{home}: holds {described(made)}, and asked for is {described(claim)}; "
            "choose another folder with --to, or remove that one"
        )


def described(claim: Mapping[str, Any]) -> str:
    """A claim in words."""
    again, arguments = (found if isinstance(found := claim.get(key), Mapping) else {} for key in _MAPPINGS)
    words = [str(claim.get("data set")), *(f"{key}={value}" for key, value in arguments.items())]
    form = f" at short side {again.get('short side')}, quality {again.get('quality')}," if again else ""
    return f"{' '.join(words)}{form} from {claim.get('root')}"


@contextmanager
def held(home: Path, say: Say) -> Iterator[None]:
    """Hold a folder, made where it is missing, after whoever holds it now has let go."""
    if home.exists() and not home.is_dir():
        raise InputError(f"{home}: is a file; choose another folder with --to")
    check_free(home)
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"{home}: being prepared by {file.read().strip() or 'another process'}; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def check_free(home: Path) -> None:
    """InputError where a folder holds files that no preparation put there."""
    if not home.is_dir() or is_prepared(home) or (home / STATE).exists():
        return
    foreign = sorted(path.name for path in home.iterdir() if path.name not in (LOCK, f".{STATE}.new"))
    if foreign:
        raise InputError(
            f"{home}: holds other files ({foreign[0]}); choose an empty or a new folder with --to"
        )


def begin(home: Path, claim: Mapping[str, Any], state: Mapping[str, Any], say: Say) -> None:
    """Note what is under way in a held folder; what an earlier attempt left is kept only where it still fits."""
    before = _under_way(home)
    if before is None:
        check_free(home)
    else:
        check_same(home, before, claim, root=True)
    if before is None or any(before.get(key) != state[key] for key in state):
        if before is not None:
            say(f"{home}: the source or a library has changed since the last attempt; starting over")
        for part in ("train", "test"):
            (home / f"{part}.facts").unlink(missing_ok=True)
        write_whole(home / STATE, {**claim, **state})
    (home / META).unlink(missing_ok=True)  # only of a damaged form


def _under_way(home: Path) -> dict[str, Any] | None:
    """What an attempt that was not completed noted."""
    try:
        state = json.loads((home / STATE).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        state = None
    if not isinstance(state, dict):
        raise InputError(f"{home / STATE}: damaged; remove the folder, or choose another with --to")
    return state


def write_whole(path: Path, plain: Mapping[str, Any]) -> None:
    """Write a JSON file; it has its name once it is on the disk."""
    fresh = path.with_name(f".{path.name}.new")
    write_file(fresh, json.dumps(plain, indent=1).encode())
    fresh.replace(path)


def to_disk(folder: Path) -> None:
    """Wait until every file in a folder, and the folder itself, is on the disk."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def end(home: Path) -> None:
    """Remove from a held folder what only an attempt under way needs; the form is complete."""
    for name in ("train.facts", "test.facts", STATE):
        (home / name).unlink(missing_ok=True)
    shutil.rmtree(home / ENTRY, ignore_errors=True)
