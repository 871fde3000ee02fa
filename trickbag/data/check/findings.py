"""What a check of a data set finds: bad images, wrong labels, images that stand twice."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Which:
    """An image: its part, its number there from 0, where it lies, and the name of its class."""

    part: str
    number: int
    where: str
    label: str


@dataclass(frozen=True)
class Suspect:
    """An image, and what is wrong with it."""

    image: Which
    why: str


@dataclass(frozen=True)
class Twin:
    """A test image that stands among the training images too, or nearly."""

    test: Which
    train: Which  # the nearest training image
    identical: bool  # byte by byte
    distance: int  # bits of 64 in which their perceptual hashes differ
    count: int  # training images that are as near as is listed


@dataclass(frozen=True)
class Findings:
    """All that was found. What is wrong makes a check fail; duplicates are for a person to judge."""

    digest: str
    classes: tuple[str, ...]
    counts: dict[str, list[int]]  # part -> images of each class
    bad: list[Suspect]
    wrong_labels: list[Suspect]
    empty_classes: list[str]  # without training images
    index_differs: bool  # labels, names or digests are not those that the data set was made with
    conflicts: list[list[Which]]  # equal images with different labels
    repeated: int  # training images that stand there before, byte by byte
    twins: list[Twin]
    read: int  # images looked at now; the others had been before
    published: tuple[int, int] | None = None  # training and test images that a set of this name must have

    @property
    def wrong(self) -> bool:
        """Whether something is wrong."""
        found = self.bad or self.wrong_labels or self.empty_classes or self.index_differs
        return bool(found) or self.miscounted

    @property
    def miscounted(self) -> bool:
        """Whether there are not as many images as were published."""
        wrong = [suspect.image.part for suspect in self.wrong_labels]
        counts = {part: sum(counts) + wrong.count(part) for part, counts in self.counts.items()}
        return self.published not in (None, tuple(counts.values()))

    def plain(self) -> dict[str, Any]:
        """The findings as plain data."""
        return {"wrong": self.wrong, **asdict(self)}
