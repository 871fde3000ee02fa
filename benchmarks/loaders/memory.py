"""Memory: of a streamed epoch, and of an index of ImageNet's size; each in a process of its own."""

import json
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from benchmarks.loaders.imagenet import BATCH, SHORT_SIDE, SIDE, source_of
from trickbag.data import EncodedImages, StreamStore
from trickbag.data.encoded import Names
from trickbag.data.index import Index, save_index
from trickbag.data.opening.prepared import META, open_prepared
from trickbag.data.sample.geometry import Flip
from trickbag.data.sample.resized_crop import RandomResizedCrop
from trickbag.data.sources.encoded_sets import seen
from trickbag.data.view import View
from trickbag.rng import Streams, numbered

IMAGES, CLASSES = 1_281_167, 1000
SECONDS, MEGABYTES = 1.0, 200  # to open an index of so many images: what we promise
ARGUMENTS = {"resize": 256, "form": "originals", "exif": "ignore", "bad_files": 0}


def resident() -> float:
    """Megabytes of memory that this process has resident now."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024 / 1e6


def streamed(root: Path, count: int) -> dict[str, Any]:
    """Resident megabytes behind every batch of a streamed epoch."""
    torch.set_num_threads(1)
    source = source_of(root)
    images = seen(source, View(resize=SHORT_SIDE, form="originals")).train_images
    assert isinstance(images, EncodedImages)
    labels, streams = torch.from_numpy(source.train.labels.copy()), Streams(0)
    whole = StreamStore.build(images, labels, (torch.zeros(3), torch.ones(3)), threads=2)
    store, _ = whole.taking([RandomResizedCrop(SIDE), Flip(0.5)], streams)
    every = torch.arange(len(images)).repeat(count // len(images))
    order = numbered(every[torch.from_numpy(streams.numpy("order", 0).permutation(len(every)))])
    sizes = [resident() for _ in store.batches((0, ids) for ids in order.split(BATCH))]  # type: ignore[no-untyped-call]
    quarter = max(1, len(sizes) // 4)
    first, last = statistics.median(sizes[:quarter]), statistics.median(sizes[-quarter:])
    return {"images": len(every), "first_quarter_mb": first, "last_quarter_mb": last, "batches_mb": sizes}


def write_synthetic(folder: Path) -> None:
    """A prepared form of as many images as ImageNet has; the flat files are holes of the right length."""
    rng = np.random.default_rng(0)
    for part, count in (("train", IMAGES), ("test", 50_000)):
        labels = np.sort(rng.integers(0, CLASSES, count))
        names = Names.of(f"n{label:08}/n{label:08}_{i}.JPEG" for i, label in enumerate(labels))
        sizes, digests = rng.integers(50, 900, (count, 2)), rng.integers(0, 256, (count, 32), dtype=np.uint8)
        index = Index(labels, sizes.astype(np.int32), np.ones(count, np.uint8), digests, names)
        save_index(index, folder, part)
        offsets = np.concatenate([[0], rng.integers(50_000, 170_000, count).cumsum()])
        np.save(folder / f"{part}.offsets.npy", offsets)
        with (folder / f"{part}.bin").open("wb") as file:
            file.truncate(int(offsets[-1]))
    classes = [f"n{label:08}" for label in range(CLASSES)]
    made = {"data set": "imagenet", "arguments": ARGUMENTS}
    meta = {"format": 1, "kind": "encoded", "classes": classes, "digest": "0" * 64, "provenance": made}
    (folder / META).write_text(json.dumps(meta))


def opened(folder: Path) -> dict[str, Any]:
    """Seconds and megabytes from the name of a prepared form to its labels and the order of an epoch."""
    before, started = resident(), perf_counter()
    images = open_prepared(folder, "imagenet", ARGUMENTS)
    shuffle = torch.from_numpy(Streams(0).numpy("order", 0).permutation(len(images.train_labels)))
    steps = torch.arange(len(images.train_labels))[shuffle].split(256)  # type: ignore[no-untyped-call]
    seconds = perf_counter() - started
    assert len(steps) == 5005
    return {"images": IMAGES, "seconds": seconds, "mb": resident() - before}


def measured(root: Path | None, folder: Path, count: int) -> dict[str, dict[str, Any]]:
    """Both, as JSON has it; the streamed epoch only where there are images in `root`."""
    write_synthetic(folder)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        found = {"index": pool.submit(opened, folder).result()}
        if root is not None:
            found["streamed epoch"] = pool.submit(streamed, root, count).result()
    return found
