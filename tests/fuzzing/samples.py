"""Good data sets, whose files are then damaged: real images where they lie beside the project, and made ones."""

import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from cifar_files import CIFAR10_NAMES, cifar10_files, cifar100_files, write_archive, write_parquet
from imagenet_files import write_official
from PIL import Image
from test_data_fashion_mnist import small_files
from test_data_tiny_imagenet import official_files, write_zip

from trickbag.data.decoding.jpeg import with_borders
from trickbag.data.prepare import Request, prepare

FORMATS: Mapping[str, tuple[str, str, dict[str, Any]]] = {  # name -> mode, format, options of PIL's save
    "baseline.jpg": ("RGB", "JPEG", {"quality": 90}),
    "subsampled.jpg": ("RGB", "JPEG", {"subsampling": 2, "restart_marker_rows": 1}),
    "blocks.jpg": ("RGB", "JPEG", {"subsampling": 2, "restart_marker_blocks": 1}),
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
    independent: bool = False  # every file is an image, so a bad one leaves all others readable
    misfit: str = ""  # what a message says where files that are whole do not fit together, whichever it names


def images(shared: Path | None) -> dict[str, bytes]:
    """Encoded images of all formats; real ones among them where there are some."""
    found = {name: _image(*how) for name, how in FORMATS.items()}
    found["borders.jpg"] = with_borders(found["blocks.jpg"])
    found["turned.jpg"] = _image("RGB", "JPEG", {"exif": _turned()})
    if shared:
        real = sorted((shared / "imagenet-samples").rglob("*.JPEG"), key=lambda path: path.stat().st_size)
        found |= {f"real{i}.jpg": path.read_bytes() for i, path in enumerate(real[:6])}
        rows = pq.read_table(shared / "cifar10" / "test.parquet").slice(0, 6)["img"].to_pylist()
        found |= {f"real{i}.png": row["bytes"] for i, row in enumerate(rows)}
    return found


def sample_of(kind: str, images: Mapping[str, bytes], scratch: Path) -> Sample:
    """A data set by what is special about it; `scratch` is a folder to write in."""
    halves = [dict(list(images.items())[i::2]) for i in (0, 1)]
    folder = {f"{'ab'[i]}/{name}": data for i, half in enumerate(halves) for name, data in half.items()}
    small = {"resize": 16}
    made: dict[str, Callable[[], Sample]] = {
        "squares": lambda: Sample("folder", folder, small, independent=True),
        "originals": lambda: Sample("folder", folder, {**small, "form": "originals"}, independent=True),
        "upright": lambda: Sample("folder", folder, {**small, "exif": "apply"}, independent=True),
        "batches": lambda: Sample("cifar10", cifar10_files()),
        "batches of 100": lambda: Sample("cifar100", cifar100_files(), {"labels": "coarse"}),
        "archive": lambda: Sample("cifar10", _archive(scratch)),
        "parquet": lambda: Sample("cifar10", _parquet(scratch)),
        "parquet images": lambda: Sample("parquet", _parquet(scratch), small),
        "idx": lambda: Sample("fashion_mnist", small_files()),
        "idx gz": lambda: Sample("fashion_mnist", _compressed(small_files())),
        "tars": lambda: Sample(
            "imagenet",
            _written(write_official, scratch / "tars"),
            small,
            misfit="which has no training images",
        ),
        "zip": lambda: Sample("tiny_imagenet", _written(write_zip, scratch / "zip", official_files()[0])),
        "prepared images": lambda: Sample("folder", _prepared("folder", folder, scratch / "images"), small),
        "prepared arrays": lambda: Sample(
            "cifar10", _prepared("cifar10", _archive(scratch), scratch / "arrays")
        ),
    }
    return made[kind]()


def _compressed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files as gzip leaves them."""
    return {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in files.items()}


def written(files: Mapping[str, bytes], root: Path) -> None:
    """Write files below a folder."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def _written(write: Callable[..., None], root: Path, *more: object) -> dict[str, bytes]:
    """The files that a helper of other tests writes into a new folder."""
    root.mkdir()
    write(root, *more)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _prepared(name: str, files: Mapping[str, bytes], scratch: Path) -> dict[str, bytes]:
    """The prepared form of a data set."""
    written(files, scratch / "source")
    request = Request.of(name, scratch / "source")
    prepare(request, scratch / "home", scratch / "cache", fetch=lambda *asked: scratch)
    home = scratch / "home"
    return {path.name: path.read_bytes() for path in home.iterdir() if not path.name.startswith(".")}


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
