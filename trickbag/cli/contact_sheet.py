"""A contact sheet: rows of images under titles, as one picture."""

from bisect import bisect
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

TILE, GAP, MARGIN = 160, 6, 24  # pixels
INK, FAINT, PAPER, BLANK = "#1a1a1a", "#6b6b6b", "#ffffff", "#f0f0f0"
HEADLINE, TITLE, SMALL = 22, 16, 13  # font sizes


class Tile(NamedTuple):
    """An image, uint8 [H, W, 1 or 3], with lines under it; None leaves the place blank."""

    pixels: NDArray[np.uint8] | None
    caption: str = ""


class Block(NamedTuple):
    """Rows of tiles under a title, a smaller line and the headings of the columns."""

    title: str
    subtitle: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Tile]]


def draw_sheet(headline: str, subtitle: str, blocks: Sequence[Block]) -> Image.Image:
    """The blocks below one another, under a headline."""
    columns = max(len(block.headings) for block in blocks)
    width = 2 * MARGIN + columns * (TILE + GAP) - GAP
    height = MARGIN + _line(HEADLINE) + _line(SMALL) + sum(map(_height, blocks)) + MARGIN
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    y = _text(draw, MARGIN, headline, HEADLINE, INK, width - 2 * MARGIN)
    y = _text(draw, y, subtitle, SMALL, FAINT, width - 2 * MARGIN)
    for block in blocks:
        y = _draw_block(sheet, draw, y, block)
    return sheet


def _line(size: int) -> int:
    """Height of a line of text."""
    return round(size * 1.5)


def _row_height(row: Sequence[Tile]) -> int:
    """Height of a row with its captions."""
    return TILE + GAP + _line(SMALL) * max(len(tile.caption.splitlines()) for tile in row)


def _height(block: Block) -> int:
    """Height of a block."""
    return MARGIN + _line(TITLE) + 2 * _line(SMALL) + sum(map(_row_height, block.rows))


def _draw_block(sheet: Image.Image, draw: ImageDraw.ImageDraw, y: int, block: Block) -> int:
    """Draw a block from `y` on; returns where it ends."""
    width = sheet.width - 2 * MARGIN
    draw.line((MARGIN, y + MARGIN // 2, MARGIN + width, y + MARGIN // 2), FAINT)
    y = _text(draw, y + MARGIN, block.title, TITLE, INK, width)
    y = _text(draw, y, block.subtitle, SMALL, FAINT, width)
    for column, heading in enumerate(block.headings):
        _text(draw, y, heading, SMALL, INK, TILE, left=MARGIN + column * (TILE + GAP))
    y += _line(SMALL)
    for row in block.rows:
        for column, tile in enumerate(row):
            left = MARGIN + column * (TILE + GAP)
            if tile.pixels is None:
                draw.rectangle((left, y, left + TILE - 1, y + TILE - 1), BLANK)
            else:
                image = fitted(tile.pixels)
                sheet.paste(image, (left + (TILE - image.width) // 2, y + (TILE - image.height) // 2))
            below = y + TILE + 2
            for line in tile.caption.splitlines():
                below = _text(draw, below, line, SMALL, FAINT, TILE + GAP // 2, left=left)
        y += _row_height(row)
    return y


def fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    """An image as a tile: small ones in whole multiples, so that each pixel is seen; large ones made smaller."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    longer = max(image.size)
    if longer <= TILE:
        times = TILE // longer
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    width, height = (max(1, round(side * TILE / longer)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, or one of the system's for letters that it lacks, where there is one."""
    if not text.replace("·", "").replace("…", "").isascii():
        for name in ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf"):
            with suppress(OSError):
                return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def _text(
    draw: ImageDraw.ImageDraw, y: int, text: str, size: int, colour: str, width: int, left: int = MARGIN
) -> int:
    """Write a line, shortened where it is wider than `width`; returns where the next one begins."""
    text = " ".join(text.split())
    font = _font(text, size)
    if draw.textlength(text, font) > width:
        kept = bisect(range(len(text)), width, key=lambda n: ceil(draw.textlength(text[:n] + "…", font)))
        text = text[: max(0, kept - 1)].rstrip(" ,") + "…"
    draw.text((left, y), text, colour, font)
    return y + _line(size)
