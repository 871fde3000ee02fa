"""Looking at all the images of a data set, with threads, from where it was left off."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from trickbag.data.check.ledger import Ledger, Seen, Stretch
from trickbag.data.check.look import Look, looker
from trickbag.data.images import ImageSet
from trickbag.data.progress import Progress, Tell
from trickbag.data.threads import available_cores

PARTS = ("train", "test")
STRETCH = 1024  # images between two entries of the ledger


def look_through(
    images: ImageSet, ledger: Ledger, tell: Tell, threads: int | None
) -> tuple[dict[str, Seen], int]:
    """What is seen of each part, and how many images had to be looked at for it; each is noted in the ledger."""
    parts = dict(zip(PARTS, (images.train_images, images.test_images), strict=True))
    seen = {part: Seen.nothing(len(held)) for part, held in parts.items()}
    for stretch in ledger.stretches():
        if stretch.part in seen and _fits(stretch, len(parts[stretch.part])):
            seen[stretch.part].note(stretch)
    before = _tell(seen, tell)
    with ThreadPoolExecutor(threads or available_cores()) as pool:
        for part, held in parts.items():
            look = looker(held)
            for numbers in _unseen(seen[part]):
                stretch = _stretch(part, numbers, list(pool.map(look, numbers)))
                ledger.append(stretch)
                seen[part].note(stretch)
                _tell(seen, tell)
    return seen, sum(len(part.looked) for part in seen.values()) - before


def _tell(seen: dict[str, Seen], tell: Tell) -> int:
    """Tell how many images have been looked at, and return it."""
    done = sum(int(part.looked.sum()) for part in seen.values())
    total = sum(len(part.looked) for part in seen.values())
    tell(Progress("looking at images", done, total, "images"))
    return done


def _fits(stretch: Stretch, count: int) -> bool:
    """Whether a stretch, which comes from a file, lies inside its part."""
    numbers = range(stretch.start, stretch.start + len(stretch.hashes))
    return stretch.start >= 0 and numbers.stop <= count and all(i in numbers for i in stretch.wrong)


def _unseen(seen: Seen) -> Iterable[range]:
    """The stretches of which something was not looked at."""
    count = len(seen.looked)
    for start in range(0, count, STRETCH):
        if not seen.looked[start : start + STRETCH].all():
            yield range(start, min(start + STRETCH, count))


def _stretch(part: str, numbers: range, looks: Sequence[Look]) -> Stretch:
    """Looks at consecutive images as an entry of the ledger."""
    hashes = np.array([value for value, _ in looks], np.uint64)
    return Stretch(
        part, numbers.start, hashes, {i: why for i, (_, why) in zip(numbers, looks, strict=True) if why}
    )
