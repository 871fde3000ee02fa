"""Writing a prepared form into a held folder; `meta.json` comes last and makes it complete."""

import errno
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trickbag.data.encoded import Labelled, Source
from trickbag.data.images import ImageSet
from trickbag.data.index import Index, digest_of, save_index
from trickbag.data.opening.cache import store_arrays
from trickbag.data.opening.prepared import FORMAT, META
from trickbag.data.prepare.flat import Facts, copy_part
from trickbag.data.prepare.reencode import Reencoding
from trickbag.data.prepare.target import ENTRY, to_disk, write_whole
from trickbag.data.progress import Tell
from trickbag.errors import InputError


def write_arrays(home: Path, images: ImageSet, provenance: Mapping[str, Any]) -> None:
    """Put an entry's files into a held folder, `meta.json` last."""
    shutil.rmtree(home / ENTRY, ignore_errors=True)  # what an earlier attempt left
    entry = home / ENTRY / "entry"
    store_arrays(entry, images, provenance)
    for path in sorted(entry.iterdir(), key=lambda path: path.name == META):
        path.replace(home / path.name)
    shutil.rmtree(home / ENTRY)


def write_encoded(
    home: Path, source: Source, convert: Reencoding | None, provenance: Mapping[str, Any], tell: Tell
) -> None:
    """Copy the parts, continuing where they were left, and put index and `meta.json` beside them."""
    indices = {}
    for part, labelled in source.parts.items():
        try:
            facts = copy_part(labelled.images, home, part, convert, tell)
        except OSError as error:
            raise _full(home, error) from error
        offsets = np.concatenate([np.zeros(1, np.int64), facts["end"].astype(np.int64)])
        np.save(home / f"{part}.offsets.npy", offsets)
        indices[part] = _index(labelled, facts)
        save_index(indices[part], home, part)
    meta = {
        "format": FORMAT,
        "kind": "encoded",
        "digest": digest_of(indices["train"], indices["test"], source.classes),
        "classes": source.classes,
        "provenance": provenance,
    }
    to_disk(home)
    write_whole(home / META, meta)


def _index(part: Labelled, facts: Facts) -> Index:
    """What is known of the stored images of a part."""
    size, orientation, sha256 = (
        np.ascontiguousarray(facts[name]) for name in ("size", "orientation", "sha256")
    )
    return Index(part.labels, size, orientation, sha256, part.images.names)


def _full(home: Path, error: OSError) -> Exception:
    """One line for a full disk; any other error as it is."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return InputError(f"{home}: the disk is full; free some of it, and the same command goes on")
