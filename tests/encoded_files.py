"""Small folders of encoded images, and their prepared form written by hand, for the tests of how they are opened."""

import io
import json

import numpy as np
from PIL import Image

from trickbag.data.index import digest_of, save_index, survey
from trickbag.data.sources.folder import class_folder

RANDOM = np.random.default_rng(0)


def encoded(width, height, kind="JPEG", orientation=None):
    buffer, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    pixels = RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind, exif=exif)
    return buffer.getvalue()


def folder_of(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return class_folder(root)


def photos(root, count=4):
    """A class folder with two classes of `count` JPEGs of several sizes, and two test images."""
    files = {f"train/{c}/{i}.jpg": encoded(20 + i % 9, 30 - i % 9) for c in "ab" for i in range(count)}
    return folder_of(root, files | {f"test/{c}/0.jpg": encoded(24, 24) for c in "ab"})


def prepared(source, folder, name="imagenet", root=""):
    """A prepared form, written by hand as `data.prepared` describes it."""
    folder.mkdir(parents=True)
    indices = [survey(part) for part in source.parts.values()]
    for (part, labelled), index in zip(source.parts.items(), indices, strict=True):
        contents = [labelled.images.read(i) for i in range(len(labelled.images))]
        (folder / f"{part}.bin").write_bytes(b"".join(contents))
        np.save(folder / f"{part}.offsets.npy", np.cumsum([0, *map(len, contents)]))
        save_index(index, folder, part)
    meta = {
        "format": 1,
        "kind": "encoded",
        "classes": source.classes,
        "digest": digest_of(*indices, source.classes),
        "provenance": {"data set": name, "arguments": {}, "root": str(root)},
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder
