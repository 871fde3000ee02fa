"""One damaged file, read as a run reads it: what came of it, in a word, and what is wrong with that."""

import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from fuzzing.mutate import mutated, payloads
from fuzzing.samples import Sample, written
from trickbag.data import ImageSet, StreamStore
from trickbag.data.decoding.decode import decode
from trickbag.data.opening.opening import open_images
from trickbag.data.sample.resized_crop import RandomResizedCrop
from trickbag.data.view import EncodedImages
from trickbag.errors import InputError
from trickbag.rng import Streams

UNIT = (torch.zeros(3), torch.ones(3))  # a mean and SD of channels


def damaged_image(kind: str, images: Mapping[str, bytes], draw: random.Random, home: Path) -> str:
    """An encoded image of a kind, told by its suffix; damaged and decoded."""
    name = draw.choice([name for name in images if name.endswith(kind)])
    data = mutated(images[name], _others(images, home), draw)
    try:
        pixels = decode(data, name, upright=draw.random() < 0.5)
    except InputError as error:
        return _refusal(error, name, home)
    return "read" if pixels.ndim == 3 and pixels.dtype == "uint8" and pixels.size else "wrong: no pixels"


def damaged_set(sample: Sample, draw: random.Random, home: Path) -> str:
    """A data set of which one file is damaged; opened, and every image read through the store of a run."""
    root = home / "root"
    if not root.exists():
        written(sample.files, root)
    victim = draw.choice(sorted(sample.files))
    (root / victim).write_bytes(mutated(sample.files[victim], _others(sample.files, home), draw))
    try:
        return _judged(sample, root, victim, home, draw.randrange(3))
    finally:
        (root / victim).write_bytes(sample.files[victim])


def read_all(sample: Sample, root: Path, **more: object) -> ImageSet:
    """Open the data set with an empty cache, streamed, and read every image once, as training and evaluation do."""
    with tempfile.TemporaryDirectory(dir=root.parent) as cache:
        opened = open_images(sample.name, root, {**sample.args, **more}, Path(cache), memory_gib=0.0)
        for images, labels in (
            (opened.train_images, opened.train_labels),
            (opened.test_images, opened.test_labels),
        ):
            assert len(images) == len(labels)
            assert not len(labels) or 0 <= int(labels.min()) <= int(labels.max()) < len(opened.classes)
            if isinstance(images, EncodedImages) and len(images):
                _stream(images, labels)
        return opened


def _stream(images: EncodedImages, labels: torch.Tensor) -> None:
    """Every image as evaluation sees it, then as training crops it."""
    plain = StreamStore.build(images, labels, UNIT, threads=2)
    ids = torch.arange(len(labels))
    assert sum(len(x) for x, _ in plain.evaluation_batches(ids, 8)) == len(labels)
    store, _ = plain.taking([RandomResizedCrop(size=8)], Streams(1))
    assert sum(len(x) for x, _ in store.batches((1, chunk) for chunk in ids.split(8))) == len(labels)


def _judged(sample: Sample, root: Path, victim: str, home: Path, tolerated: int) -> str:
    """What reading comes to; where images are independent, a tolerant run goes on just where another ends."""
    try:
        read_all(sample, root)
        outcome = "read"
    except InputError as error:
        outcome = _refusal(error, victim, home, sample.misfit)
    if not sample.independent or outcome.startswith("wrong"):
        return outcome
    if not tolerated and outcome == "refused":
        return outcome
    bad = read_all(sample, root, bad_files=max(1, tolerated)).bad
    if [Path(where).name for where in bad] == ([Path(victim).name] if outcome == "refused" else []):
        return outcome
    return f"wrong: {outcome}, and a tolerant run finds the bad files {sorted(bad)}"


def _refusal(error: InputError, victim: str, home: Path, misfit: str = "") -> str:
    """Whether the message is one line that names the bad file, or the prepared form that it belongs to."""
    message = str(error)
    if len(message.splitlines()) != 1 or not message.isprintable():
        return f"wrong: not one printable line: {message!r}"
    named = Path(victim).name in message or ((home / "root" / "meta.json").exists() and str(home) in message)
    return (
        "refused" if named or (misfit and misfit in message) else f"wrong: {victim} is not named: {message}"
    )


def _others(files: Mapping[str, bytes], home: Path) -> Sequence[bytes]:
    """What a file is mixed with: the other files, and pickles that would leave a trace if they were loaded."""
    return [*files.values(), *payloads(home / "executed")]
