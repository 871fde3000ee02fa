"""Images made smaller before they are stored: less to read and to decode, and other images than the originals."""

import io
from dataclasses import dataclass
from importlib.metadata import version

from PIL import Image

from trickbag.data.decoding.decode import decode
from trickbag.data.decoding.header import ORIENTATION, header
from trickbag.data.decoding.jpeg import with_borders
from trickbag.errors import InputError

QUALITY = 90
SUBSAMPLING = "4:2:0"
_LONGEST = 65_535  # pixels of a side; the JPEG format holds no more
_BLOCK = 16  # pixels of a side that are encoded together at this subsampling
_BYTES = 0.47  # per square of the short side at quality 90, measured on 300 photographs at 256 and 320


@dataclass(frozen=True)
class Reencoding:
    """Resize the shorter side to `short_side` pixels where it is longer, and store a JPEG of `quality` 1 … 100."""

    short_side: int
    quality: int = QUALITY

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.short_side < 1:
            raise InputError(
                f"short side {self.short_side}: it must be at least 1 pixel; usual are 256 and 320"
            )
        if not 1 <= self.quality <= 100:
            raise InputError(f"quality {self.quality}: it must lie between 1 and 100; usual is {QUALITY}")

    def __call__(self, data: bytes, where: str) -> bytes:
        """The bytes to store for an encoded image: its own where it is small enough or cannot be decoded.

        The resize is the one of torchvision and PIL (bilinear, antialiased), so that an evaluation that resizes
        to the same side sees the same image but for the JPEG. The EXIF orientation is kept as a tag.
        """
        (height, width), orientation = header(data)
        short = min(height, width)
        new = width * self.short_side // max(short, 1), height * self.short_side // max(short, 1)
        if short <= self.short_side or max(new) > _LONGEST:
            return data
        try:
            image = Image.fromarray(decode(data, where))
        except InputError:
            return data
        resized = image.resize(new, Image.Resampling.BILINEAR)
        exif = Image.Exif()
        if orientation != 1:
            exif[ORIENTATION] = orientation
        stored = io.BytesIO()
        options = {"quality": self.quality, "subsampling": SUBSAMPLING, "exif": exif, "optimize": True}
        resized.save(stored, "JPEG", restart_marker_blocks=_interval(resized.width), **options)
        return with_borders(stored.getvalue())

    def plain(self) -> dict[str, int | str]:
        """What the provenance says of it."""
        return {"short side": self.short_side, "quality": self.quality, "subsampling": SUBSAMPLING}

    def versions(self) -> dict[str, str]:
        """The libraries that the bytes depend on."""
        return {package: version(package) for package in ("pillow", "simplejpeg")}

    def estimate(self, count: int) -> int:
        """About how many bytes so many photographs take."""
        return round(count * _BYTES * self.short_side**2)


def _interval(width: int) -> int:
    """How many blocks lie between two restart markers: few, and the same number in each row.

    The blocks beside a crop can then be left out (`data.decoding.jpeg`), for 3 % more bytes.
    """
    return 1 if -(-width // _BLOCK) % 2 else 2
