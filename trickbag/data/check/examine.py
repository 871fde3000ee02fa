"""The check of a data set: look at every image, then put together what was found."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.check.duplicates import Ids, alike, equal
from trickbag.data.check.findings import Findings, Suspect, Twin, Which
from trickbag.data.check.ledger import Ledger, Seen
from trickbag.data.check.look_through import PARTS, look_through
from trickbag.data.images import ImageSet
from trickbag.data.index import digest_of
from trickbag.data.progress import Tell, silent
from trickbag.data.view import EncodedImages

_FORMAT = 1  # raise it when a look sees other things than before


def ledger_of(images: ImageSet, cache: Path) -> Ledger:
    """The ledger of exactly these images, in the cache."""
    parts = (images.train_images, images.test_images)
    identity = [part.encoded.identity() for part in parts if isinstance(part, EncodedImages)]
    key = hashlib.sha256(repr((_FORMAT, images.digest, identity)).encode()).hexdigest()[:16]
    return Ledger(cache / f"verify-{key}.jsonl")


def examine(images: ImageSet, ledger: Ledger, tell: Tell = silent, threads: int | None = None) -> Findings:
    """Look at every image that the ledger does not know yet, with threads, and put together what was found."""
    seen, read = look_through(images, ledger, tell, threads)
    labels = [images.train_labels.numpy(), images.test_labels.numpy()]
    known = len(images.classes)
    counts = [np.bincount(part[(part >= 0) & (part < known)], minlength=known) for part in labels]
    return Findings(
        digest=images.digest,
        classes=images.classes,
        counts={part: count.tolist() for part, count in zip(PARTS, counts, strict=True)},
        bad=[
            Suspect(which(images, part, i), why)
            for part in PARTS
            for i, why in sorted(seen[part].wrong.items())
        ],
        wrong_labels=[
            Suspect(which(images, part, i), f"label {label[i]} is outside 0 … {known - 1}")
            for part, label in zip(PARTS, labels, strict=True)
            for i in np.flatnonzero((label < 0) | (label >= known)).tolist()
        ],
        empty_classes=[images.classes[i] for i in np.flatnonzero(counts[0] == 0)],
        index_differs=_index_differs(images),
        **_duplicates(images, seen),
        read=read,
    )


def which(images: ImageSet, part: str, i: int) -> Which:
    """Image `i` of a part."""
    held = images.train_images if part == "train" else images.test_images
    label = int((images.train_labels if part == "train" else images.test_labels)[i])
    inside = 0 <= label < len(images.classes)
    where = held.encoded.where(i) if isinstance(held, EncodedImages) else f"{part} image {i}"
    return Which(part, i, where, images.classes[label] if inside else str(label))


def _index_differs(images: ImageSet) -> bool:
    """Whether what is known of encoded images is not what their digest was taken of."""
    train, test = images.train_images, images.test_images
    if not isinstance(train, EncodedImages) or not isinstance(test, EncodedImages):
        return False
    return digest_of(train.index, test.index, images.classes) != images.digest


def _duplicates(images: ImageSet, seen: dict[str, Seen]) -> dict[str, Any]:
    """The findings about images that stand twice; only sound images are compared."""
    count = len(images.train_labels)
    sound = np.flatnonzero(np.concatenate([seen[part].sound for part in PARTS]))
    digests = np.concatenate([_digests(images.train_images), _digests(images.test_images)])
    labels = np.concatenate([images.train_labels.numpy(), images.test_labels.numpy()])
    groups = [sound[group] for group in equal(digests[sound])]

    def at(i: int) -> Which:
        return which(images, "train", i) if i < count else which(images, "test", i - count)

    conflicts = [[at(i) for i in group.tolist()] for group in groups if len(set(labels[group].tolist())) > 1]
    repeated = sum(max(0, int((group < count).sum()) - 1) for group in groups)
    return {"conflicts": conflicts, "repeated": repeated, "twins": _twins(images, seen, groups)}


def _twins(images: ImageSet, seen: dict[str, Seen], groups: list[Ids]) -> list[Twin]:
    """Test images with training images like them: the identical first, then the nearest."""
    count = len(images.train_labels)
    same = {
        int(i) - count: int(group[0]) for group in groups for i in group[group >= count] if group[0] < count
    }
    train, test = (np.flatnonzero(seen[part].sound) for part in PARTS)
    near = alike(seen["test"].hashes[test], seen["train"].hashes[train])
    twins = []
    for i, nearest, distance, number in zip(*(column.tolist() for column in near), strict=True):
        at = int(test[i])
        other = same.get(at, int(train[nearest]))
        twins.append(
            Twin(which(images, "test", at), which(images, "train", other), at in same, distance, number)
        )
    return sorted(twins, key=lambda twin: (not twin.identical, twin.distance, twin.test.number))


def _digests(images: Tensor | EncodedImages) -> NDArray[np.uint8]:
    """SHA-256 of every image, uint8 [N, 32]: of the encoded bytes, or of the pixels where they are arrays."""
    if isinstance(images, EncodedImages):
        return np.asarray(images.index.sha256)
    digests = [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in images.numpy()]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
