"""Room on the disk, looked for before anything is written."""

import shutil
from pathlib import Path

from trickbag.data.encoded import Source
from trickbag.data.images import ImageSet
from trickbag.data.prepare.request import Request
from trickbag.data.view import EncodedImages
from trickbag.errors import InputError

_GIB = 2**30


def check_room(home: Path, needed: int) -> None:
    """InputError where the disk of `home` has fewer than `needed` bytes free."""
    place = next(path for path in (home, *home.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{home}: {needed / _GIB:.1f} GiB are needed and {free / _GIB:.1f} GiB are free on its disk; "
            "free some, or choose another folder with --to"
        )


def needed(request: Request, source: Source | None, images: ImageSet | None) -> int:
    """The bytes that the form takes, as far as that is known beforehand."""
    if images is not None:
        parts = (images.train_images, images.test_images)
        return sum(part.nbytes for part in parts if not isinstance(part, EncodedImages))
    encoded = [part.images for part in source.parts.values()] if source else []
    original = sum(images.nbytes for images in encoded)
    if request.reencoding is None:
        return original
    return min(original, request.reencoding.estimate(sum(map(len, encoded))))


def present(home: Path) -> int:
    """The bytes that an earlier attempt has written."""
    return sum(path.stat().st_size for path in home.glob("*.bin"))
