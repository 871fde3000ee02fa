"""The readers of data sets whose images stay encoded; all take the arguments of a View (`data.view`)."""

from pathlib import Path
from typing import Literal

from trickbag.data.encoded import Source
from trickbag.data.images import ImageSet
from trickbag.data.index import survey
from trickbag.data.sources.folder import class_folder
from trickbag.data.sources.imagenet import imagenet_source
from trickbag.data.sources.shards import parquet_rows
from trickbag.data.sources.tiny_imagenet import tiny_imagenet_source
from trickbag.data.view import View


def folder(
    root: Path | None,
    *,
    resize: int | None = None,
    form: Literal["squares", "originals"] = "squares",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """Any class folder: PATH/train/<class>/ and PATH/test or PATH/val, or just PATH/<class>/.

    Named as folder:PATH, or as folder with machine.data_root=PATH. Image files are found at any depth of a
    class; hidden files and other endings are left out. The content decides what a file is, not its ending.

    resize: the shorter side is resized to so many pixels and the centre square kept; null: the images' own
    size where they all have one, else 256.
    form: squares, every image is that square, also for training, held in memory where they fit; originals,
    images stay files, random_resized_crop cuts from the whole image, and only evaluation sees the square.
    exif: ignore, as the field's readers do, or apply the camera's orientation tag.
    bad_files: so many unreadable files are shown as grey images instead of ending the run.
    """
    return seen(class_folder(root), View(resize, form, exif, bad_files))


def imagenet(
    root: Path | None,
    *,
    resize: int | None = 256,
    form: Literal["squares", "originals"] = "originals",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """ImageNet (ILSVRC 2012): the official tars, read in place, folders train/<wnid>/ and val/<wnid>/, or Parquet.

    They are looked for in machine.data_root=PATH. Validation images that lie flat, in val/ or in their tar, need
    the official devkit for their classes. Parquet is that of the hub, with classes of its own names and images in
    its own order. The prepared form opens at once: trickbag data prepare imagenet --from
    PATH. The arguments are those of folder; by default images stay originals, and evaluation resizes the shorter
    side to 256 pixels. Set data.crop=224 to evaluate the usual centre.
    """
    return seen(imagenet_source(root), View(resize, form, exif, bad_files))


def tiny_imagenet(
    root: Path | None,
    *,
    resize: int | None = None,
    form: Literal["squares", "originals"] = "squares",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """Tiny ImageNet, 200 classes, 64×64: tiny-imagenet-200.zip, read in place, or its extracted folder.

    It is looked for in machine.data_root=PATH; trickbag data prepare tiny_imagenet gets it. The arguments are
    those of folder.
    """
    return seen(tiny_imagenet_source(root), View(resize, form, exif, bad_files))


def parquet(
    root: Path | None,
    *,
    label: str | None = None,
    resize: int | None = None,
    form: Literal["squares", "originals"] = "squares",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """Parquet shards in the layout of the Hugging Face hub: train*.parquet, and test* or validation*.

    Named as parquet:PATH, or as parquet with machine.data_root=PATH. An image is a struct with its encoded
    bytes, in column img or image; the class is an integer.

    label: the column of the class; null: label, or the only one of type ClassLabel.
    The other arguments are those of folder.
    """
    return seen(parquet_rows(root, label), View(resize, form, exif, bad_files))


def hub(
    root: Path | None,
    *,
    label: str | None = None,
    resize: int | None = None,
    form: Literal["squares", "originals"] = "squares",
    exif: Literal["ignore", "apply"] = "ignore",
    bad_files: int = 0,
) -> ImageSet:
    """An image data set of the Hugging Face hub, named as hub:OWNER/NAME.

    Prepare it first: trickbag data prepare hub:OWNER/NAME. The arguments are those of parquet.
    """
    return seen(parquet_rows(root, label), View(resize, form, exif, bad_files))


def seen(source: Source, view: View) -> ImageSet:
    """The images of an encoded source, surveyed now."""
    return ImageSet.encoded(source, survey(source.train), survey(source.test), view)
