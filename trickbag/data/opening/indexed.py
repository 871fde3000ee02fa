"""The indices of encoded sets that are no prepared form: gathered once, and kept in the cache."""

from pathlib import Path

from trickbag.data.encoded import Labelled, Source
from trickbag.data.index import Index, load_index, save_index, survey
from trickbag.data.opening.cache import READERS, found_or_made, make_entry, short_hash, write_file
from trickbag.data.progress import Progress, Tell
from trickbag.errors import InputError

_DONE = "checksums"  # written last


def indexed(source: Source, cache: Path, tell: Tell) -> tuple[Index, Index]:
    """The indices of a source's parts, gathered once and kept in the cache."""
    entry = cache / f"index-{short_hash([READERS, source.identity()])}"

    def wait() -> None:
        tell(Progress("waiting for another process, which looks at the same images", 0, None, "images"))

    return found_or_made(
        entry, lambda: _load_indices(entry, source), lambda: _gathered(entry, source, tell), wait
    )


def _gathered(entry: Path, source: Source, tell: Tell) -> tuple[Index, Index]:
    """The indices of a source's parts, gathered now and put into an entry."""
    train, test = (_survey(part, name, tell) for name, part in source.parts.items())
    if not (train.complete and test.complete):  # what cannot be read now may be readable next time
        return train, test

    def write(fresh: Path) -> None:
        for name, index in (("train", train), ("test", test)):
            save_index(index, fresh, name)
        write_file(fresh / _DONE, f"{train.checksum()} {test.checksum()}".encode())

    make_entry(entry, write, lambda: _load_indices(entry, source) is not None)
    return _load_indices(entry, source) or (train, test)


def _load_indices(entry: Path, source: Source) -> tuple[Index, Index] | None:
    """The indices of an entry; None if there is no whole and undamaged one."""
    try:
        train, test = (load_index(entry, part, len(source.classes)) for part in source.parts)
        done = (entry / _DONE).read_text()
    except (InputError, OSError, ValueError):
        return None
    return (train, test) if done == f"{train.checksum()} {test.checksum()}" else None


def _survey(part: Labelled, name: str, tell: Tell) -> Index:
    """The index of a part, gathered now."""
    what, count = f"looking at {name} images for the first time", len(part.images)
    return survey(part, lambda done: tell(Progress(what, done, count, "images")))
