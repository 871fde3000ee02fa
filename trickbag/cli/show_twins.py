"""A picture of test images beside the training images that they resemble, for a person to judge."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from trickbag.cli.contact_sheet import Block, Tile, draw_sheet
from trickbag.records.files import write_whole

if TYPE_CHECKING:
    from trickbag.data import ImageSet
    from trickbag.data.check import Twin, Which

PAIRS, ACROSS = 60, 3  # at most so many pairs, so many side by side


def draw_twins(name: str, images: "ImageSet", twins: Sequence["Twin"], picture: Path) -> None:
    """Write the first pairs, the most alike, to `picture`, a PNG file."""
    shown = [_pair(images, twin) for twin in twins[:PAIRS]]
    rows = [list(chain(*shown[i : i + ACROSS])) for i in range(0, len(shown), ACROSS)]
    block = Block(
        f"{len(shown)} of {len(twins)} pairs, the most alike first",
        "left a test image, right the training image that is nearest to it by the perceptual hash",
        ["test", "train"] * min(ACROSS, len(shown)),
        rows,
    )
    sheet = draw_sheet(f"{name}: test images that resemble training images", "", [block])
    write_whole(picture, lambda temporary: sheet.save(temporary, "PNG"))


def _pair(images: "ImageSet", twin: "Twin") -> list[Tile]:
    """The two images, with their labels."""
    how = "identical" if twin.identical else f"{twin.distance} bits"
    return [_tile(images, twin.test, ""), _tile(images, twin.train, f" ({how})")]


def _tile(images: "ImageSet", image: "Which", remark: str) -> Tile:
    """One image with its label and a remark."""
    from trickbag.data import EncodedImages

    held = images.train_images if image.part == "train" else images.test_images
    if isinstance(held, EncodedImages):
        pixels = held.pixels(image.number)
    else:
        pixels = held[image.number].permute(1, 2, 0).numpy()
    return Tile(pixels, image.label + remark)
