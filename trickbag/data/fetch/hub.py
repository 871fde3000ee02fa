"""Data sets of the Hugging Face hub: their Parquet files, of one commit, each with its SHA-256 checked.

The hub's own library says what there is, and who may have it. The bytes come through `download`, since the
library neither resumes a download that was killed nor checks the sum of what came over HTTP.
"""

import importlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

from trickbag.data.fetch.part import need_room, part_path
from trickbag.data.fetch.several import Wanted, download_all
from trickbag.data.fetch.shards import choose
from trickbag.data.fetch.web import Refused
from trickbag.data.opening.cache import write_file
from trickbag.data.progress import Tell
from trickbag.errors import InputError

FORMAT = 1
SOURCE = "source.json"
_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:/([\w.-]+))?(?:@([\w./-]+))?$", re.ASCII)
_SHARD = re.compile(r"(train|test|validation)-\d{5}-of-\d{5}\.parquet", re.ASCII)
_CONVERTED = "refs/convert/parquet"  # where the hub keeps the Parquet form of what is in other forms
_TIMEOUT = 30.0  # seconds
_SHOWN = 250  # characters of what the hub's library says
_UNREACHABLE = {
    "ConnectError",
    "ConnectTimeout",
    "ConnectionError",
    "OfflineModeIsEnabled",
}  # of httpx and others


class Repository(NamedTuple):
    """A data set's name, taken apart."""

    id: str  # OWNER/NAME
    configuration: str | None
    revision: str | None

    @property
    def where(self) -> str:
        """How a person names it."""
        revision = f"@{self.revision}" if self.revision else ""
        return f"hub:{self.id}{revision}"


def fetch_hub(name: str, into: Path, tell: Tell) -> Path:
    """The Parquet files of `OWNER/NAME[/CONFIG][@REVISION]` in `into`, as train-*, test- and validation-*.parquet.

    The commit and the files are noted in `source.json` before the first byte comes; later calls keep to it,
    and ask the hub for nothing that is there. Raises InputError.
    """
    parsed = _NAME.match(name)
    if not parsed:
        raise InputError(f"hub:{name}: is no data set of the hub; it is hub:OWNER/NAME[/CONFIG][@REVISION]")
    repository = Repository(*parsed.groups())
    source = _noted(into, name) or _note(into, name, _listed(repository))
    files = [_wanted(repository, source["commit"], into, file) for file in source["files"]]
    need_room(into, sum(_missing(file) for file in files))
    try:
        download_all(files, tell, what=f"downloading {repository.where}")
    except Refused as error:
        raise _refused(repository, error) from None
    return into


def _noted(into: Path, name: str) -> dict[str, Any] | None:
    """What an earlier call has noted; InputError where the folder is used for something else."""
    path = into / SOURCE
    if not path.exists():
        if any(into.glob("*.parquet")):
            raise InputError(f"{into}: holds Parquet files of another origin; choose an empty folder")
        return None
    try:
        source: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = source["format"] == FORMAT and all(map(_is_noted_file, source["files"]))
        known = known and isinstance(source["commit"], str) and isinstance(source["name"], str)
    except (OSError, ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise InputError(f"{path}: damaged; remove it and the Parquet files beside it")
    if source["name"] != name:
        raise InputError(f"{into}: holds hub:{source['name']}, not hub:{name}; choose another folder")
    return source


def _is_noted_file(file: Any) -> bool:
    """Whether an entry of `source.json` is one; KeyError and TypeError mean no, too."""
    return (
        _SHARD.fullmatch(file["name"]) is not None
        and isinstance(file["path"], str)
        and isinstance(file["bytes"], int)
        and isinstance(file["sha256"], str | None)
    )


def _note(into: Path, name: str, listed: dict[str, Any]) -> dict[str, Any]:
    """Write down what is going to be downloaded, whole."""
    source = {"format": FORMAT, "name": name, **listed}
    into.mkdir(parents=True, exist_ok=True)
    fresh = into / f".{SOURCE}-{os.getpid()}"
    write_file(fresh, json.dumps(source, indent=1).encode())
    fresh.replace(into / SOURCE)
    return source


def _listed(repository: Repository) -> dict[str, Any]:
    """Commit and files of a repository: its own Parquet files, else those the hub has converted it to."""
    listing = _ask(repository, repository.revision)
    if not listing.files and repository.revision is None:
        listing = _ask(repository, _CONVERTED)._replace(card=None)
    if not listing.files:
        raise InputError(f"{repository.where}: holds no Parquet files")
    parts = choose(list(listing.files), listing.card, repository.configuration, repository.where)
    files = [
        {"name": f"{part}-{i:05d}-of-{len(paths):05d}.parquet", "path": path, **listing.files[path]}
        for part, paths in parts.items()
        for i, path in enumerate(paths)
    ]
    return {"repository": repository.id, "commit": listing.commit, "files": files}


class _Listing(NamedTuple):
    """What the hub says of a repository at a revision."""

    commit: str
    files: dict[str, dict[str, Any]]  # path → bytes and sha256 of the Parquet files
    card: Any


def _ask(repository: Repository, revision: str | None) -> _Listing:
    """What the hub says; anything that is not as it should be is one line."""
    with _asking(repository):
        api = _library().HfApi(endpoint=_endpoint())
        info = api.dataset_info(repository.id, revision=revision, files_metadata=True, timeout=_TIMEOUT)
        files = {
            file.rfilename: {"bytes": int(file.size), "sha256": file.lfs.sha256 if file.lfs else None}
            for file in info.siblings or ()
            if file.rfilename.endswith(".parquet")
        }
        return _Listing(
            str(info.sha), files, info.card_data.to_dict().get("configs") if info.card_data else None
        )


@contextmanager
def _asking(repository: Repository) -> Iterator[None]:
    """Turn what the hub's library raises into one line."""
    where, errors = repository.where, importlib.import_module("huggingface_hub.errors")
    try:
        yield
    except errors.GatedRepoError:
        raise InputError(_terms(repository)) from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            f"{where}: the hub has no such data set, or it is private: then log in with `hf auth login`"
        ) from None
    except errors.RevisionNotFoundError:
        missing = f"no revision {repository.revision!r}" if repository.revision else "no Parquet files"
        raise InputError(f"{where}: there is {missing} in this data set") from None
    except errors.HfHubHTTPError as error:
        if error.response.status_code == 401:
            raise InputError(
                f"{where}: the hub does not know your login; log in again with `hf auth login`, or unset HF_TOKEN"
            ) from None
        raise InputError(f"{where}: the hub refuses: {shorten(str(error), _SHOWN)}") from None
    except Exception as error:  # the exceptions of the HTTP library below it change with its version
        if {kind.__name__ for kind in type(error).__mro__} & _UNREACHABLE:
            raise InputError(
                f"{where}: the hub cannot be reached ({shorten(str(error), _SHOWN)}); check that this machine is "
                "online, and say the same again"
            ) from None
        reason = shorten(f"{type(error).__name__}: {error}", _SHOWN)
        raise InputError(f"{where}: the hub cannot be asked: {reason}") from None


def _wanted(repository: Repository, commit: str, into: Path, file: dict[str, Any]) -> Wanted:
    """A file as it is to be downloaded."""
    url = _library().hf_hub_url(
        repository.id, file["path"], repo_type="dataset", revision=commit, endpoint=_endpoint()
    )
    sent = _library().utils.build_hf_headers()
    headers = {key: value for key, value in sent.items() if key.lower() == "authorization"}
    checksum = f"sha256:{file['sha256']}" if file["sha256"] else None
    return Wanted(url, into / file["name"], file["bytes"], checksum, headers)


def _missing(file: Wanted) -> int:
    """How many bytes of a file are still to come."""
    there = next((path for path in (file.to, part_path(file.to)) if path.is_file()), None)
    return max(0, file.size - (there.stat().st_size if there else 0))


def _refused(repository: Repository, error: Refused) -> InputError:
    """A line for a file that the hub does not give."""
    if error.status in (401, 403):
        return InputError(_terms(repository))
    return InputError(f"{error}; to start with the newest version, empty the folder of the download")


def _terms(repository: Repository) -> str:
    """What to do about a data set that is given to some people only."""
    return (
        f"{repository.where}: the hub does not give it to you; accept its terms at "
        f"https://huggingface.co/datasets/{repository.id} and log in with `hf auth login` (or set HF_TOKEN)"
    )


def _endpoint() -> str | None:
    """The hub's address where it is not the usual one, as the library itself reads it at its import."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None


def _library() -> Any:
    """The hub's library, loaded only here since it costs start-up time."""
    return importlib.import_module("huggingface_hub")
