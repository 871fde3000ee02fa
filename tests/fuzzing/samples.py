"""Good data sets, whose files are then damaged: real images where they lie beside the project, and made ones."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from cifar_files import CIFAR10_NAMES, cifar10_files, cifar100_files, write_archive, write_parquet
from PIL import Image

FORMATS: Mapping[str, tuple[str, str, dict[str, Any]]] = {  # name -> mode, format, options of PIL's save
    "baseline.jpg": ("RGB", "JPEG", {"quality": 90}),
    "subsampled.jpg": ("RGB", "JPEG", {"subsampling": 2, "restart_marker_rows": 1}),
    "progressive.jpg": ("RGB", "JPEG", {"progressive": True, "quality": 60}),
    "grey.jpg": ("L", "JPEG", {}),
    "cmyk.jpg": ("CMYK", "JPEG", {}),
    "rgb.png": ("RGB", "PNG", {}),
    "palette.png": ("P", "PNG", {}),
    "alpha.png": ("LA", "PNG", {}),
    "bits.png": ("1", "PNG", {}),
    "still.gif": ("P", "GIF", {}),
    "lossy.webp": ("RGB", "WEBP", {}),
    "plain.bmp": ("RGB", "BMP", {}),
    "packed.tif": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "plain.ppm": ("RGB", "PPM", {}),
}


@dataclass(frozen=True)
class Sample:
    """A data set that reads without complaint: its name in a recipe, its files, its reader's arguments."""

    name: str
    files: Mapping[str, bytes]  # path below the root -> content
    args: Mapping[str, Any] = field(default_factory=dict)
    inside: str = ""  # the root, where it is not the folder that all files lie in
    independent: bool = False  # every file is an image, so a bad one leaves all others readable


def images(shared: Path | None) -> dict[str, bytes]:
    """Encoded images of all formats; real ones among them where there are some."""
    found = {name: _image(*how) for name, how in FORMATS.items()}
    found["turned.jpg"] = _image("RGB", "JPEG", {"exif": _turned()})
    if shared:
        real = sorted((shared / "imagenet-samples").rglob("*.JPEG"), key=lambda path: path.stat().st_size)
        found |= {f"real{i}.jpg": path.read_bytes() for i, path in enumerate(real[:6])}
        rows = pq.read_table(shared / "cifar10" / "test.parquet").slice(0, 6)["img"].to_pylist()
        found |= {f"real{i}.png": row["bytes"] for i, row in enumerate(rows)}
    return found


def samples(shared: Path | None, scratch: Path) -> dict[str, Sample]:
    """The data sets by what is special about them; `scratch` is a folder to write in."""
    some = images(shared)
    halves = [dict(list(some.items())[i::2]) for i in (0, 1)]
    folder = {f"{'ab'[i]}/{name}": data for i, half in enumerate(halves) for name, data in half.items()}
    return {
        "squares": Sample("folder", folder, {"resize": 16}, independent=True),
        "originals": Sample("folder", folder, {"resize": 16, "form": "originals"}, independent=True),
        "upright": Sample("folder", folder, {"resize": 16, "exif": "apply"}, independent=True),
        "batches": Sample("cifar10", cifar10_files()),
        "batches of 100": Sample("cifar100", cifar100_files(), {"labels": "coarse"}),
        "archive": Sample("cifar10", _archive(scratch)),
        "parquet": Sample("cifar10", _parquet(scratch)),
    }


def _image(mode: str, format: str, options: dict[str, Any]) -> bytes:
    """A smooth picture of 24 × 20 pixels with some noise on it."""
    draw = np.random.default_rng(len(format))
    ramp = np.add.outer(np.arange(20) * 6, np.arange(24) * 5)[..., None] + draw.integers(0, 20, (20, 24, 3))
    buffer = io.BytesIO()
    Image.fromarray(ramp.astype(np.uint8)).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def _turned() -> Image.Exif:
    """An EXIF block that says: turned by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _archive(scratch: Path) -> dict[str, bytes]:
    """CIFAR-10 as its archive."""
    path = scratch / "cifar-10-python.tar.gz"
    write_archive(path, "cifar-10-batches-py", cifar10_files())
    return {path.name: path.read_bytes()}


def _parquet(scratch: Path) -> dict[str, bytes]:
    """CIFAR-10 as Parquet: six images to train on, four to test."""
    draw, found = np.random.default_rng(5), {}
    for part, count in (("train", 6), ("test", 4)):
        path = scratch / f"{part}.parquet"
        pixels, labels = draw.integers(0, 256, (count, 3072), dtype=np.uint8), draw.integers(0, 10, count)
        write_parquet(path, pixels, {"label": labels}, {"label": CIFAR10_NAMES})
        found[path.name] = path.read_bytes()
    return found
