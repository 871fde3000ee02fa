"""What the header of an encoded image says, without decoding it."""

import contextlib
import io

from PIL import Image

# PIL knows more, and hands PostScript to a program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = (
    89_478_485  # PIL's limit, above which it warns of a decompression bomb; larger images are not decoded
)
ORIENTATION = 0x0112  # the EXIF tag


def header(data: bytes) -> tuple[tuple[int, int], int]:
    """(height, width) and EXIF orientation of an encoded image; ((0, 0), 1) where it is none."""
    size, orientation = (0, 0), 1
    # PIL's parsers raise nearly everything on broken input; decoding will name the file
    with contextlib.suppress(Exception), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        size = image.height, image.width
        if size[0] * size[1] > MAX_PIXELS:  # reading the tags of a PNG decodes it
            return size, 1
        if image.format == "TIFF":  # which PIL turns by itself, asked or not
            return size, 1
        found = image.getexif().get(ORIENTATION, 1)
        orientation = found if isinstance(found, int) and 1 <= found <= 8 else 1
    return size, orientation
