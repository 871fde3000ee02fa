"""How encoded images become pixels: what a recipe says of it, and the images seen so."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trickbag.data.decoding.decode import Pixels, decode_part
from trickbag.data.decoding.header import header
from trickbag.data.decoding.jpeg import Box
from trickbag.data.decoding.resize import fitted
from trickbag.data.encoded import Encoded
from trickbag.data.index import Index
from trickbag.data.tolerance import Flaw, Flaws, Notes
from trickbag.errors import InputError

DECODERS = 1  # raise it when decoding or resizing starts to give other pixels
USUAL_SIDE = 256  # of the centre square of images that differ in size, as ImageNet is evaluated
GREY = 128  # what a tolerated bad file shows


@dataclass(frozen=True)
class View:
    """What a recipe says about decoding; part of the fingerprint, since it changes the images.

    `resize`: the shorter side is resized to it and the centre square kept; null: the images' own size where
    they all have one, else 256. `form`: `squares`, every image is that square, also for training; `originals`:
    a random resized crop is cut from the original image, and only evaluation sees the square. `exif`: whether
    the orientation tag is applied. `bad_files`: how many undecodable files are shown as grey images instead of
    ending the run.
    """

    resize: int | None = None
    form: Literal["squares", "originals"] = "squares"
    exif: Literal["ignore", "apply"] = "ignore"
    bad_files: int = 0

    def __post_init__(self) -> None:
        """Check the arguments."""
        if self.resize is not None and self.resize < 1:
            raise InputError(f"data.resize: {self.resize}; it must be at least 1 pixel")
        for name, known in (("form", ("squares", "originals")), ("exif", ("ignore", "apply"))):
            if getattr(self, name) not in known:
                raise InputError(
                    f"data.{name}: {getattr(self, name)!r}; it can be {known[0]!r} or {known[1]!r}"
                )
        if self.bad_files < 0:
            raise InputError(f"data.bad_files: {self.bad_files}; it must be 0 or more")

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> "View":
        """The view among the arguments of a reader, all of which are given."""
        return cls(**{field.name: arguments[field.name] for field in fields(cls)})

    def side(self, index: Index) -> tuple[int, int]:
        """Height and width of a whole image, as it is seen when nothing is cut from it."""
        if self.resize is not None:
            return self.resize, self.resize
        sizes = self.sizes(index)
        sizes = sizes[sizes.all(axis=1)]  # but those of files that are no images
        if not len(sizes) or (sizes != sizes[0]).any():
            return USUAL_SIDE, USUAL_SIDE
        height, width = sizes[0].tolist()
        return height, width

    def sizes(self, index: Index, at: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.int32]:
        """Height and width of the images `at` (all of them), int32 [N, 2], as decoded; 0 where not known."""
        sizes = index.sizes[at]
        if self.exif == "ignore":
            return sizes
        lying = (np.asarray(index.orientation[at]) >= 5)[:, None]
        return np.where(lying, sizes[:, ::-1], sizes)


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """The encoded images of one part, decoded as the view says whenever they are asked for."""

    encoded: Encoded
    index: Index
    view: View
    side: tuple[int, int]
    bad: Notes

    def __len__(self) -> int:
        """How many images."""
        return len(self.index)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[N, 3, H, W] as the tensor of the whole images would have it."""
        return (len(self), 3, *self.side)

    def pixels(self, i: int) -> Pixels:
        """Image `i` in full, uint8 [H, W, 3]; a tolerated bad file is a grey image of the size it should have."""
        return self._decoded(i, None)

    def box(self, i: int, top: int, left: int, height: int, width: int) -> Pixels:
        """A part of image `i`, uint8 [height, width, 3]; of some files no more is decoded than that."""
        return self._decoded(i, (top, left, height, width))

    def sizes(self, ids: Tensor) -> Tensor:
        """Heights and widths of the images `ids` (int64 [B]), int64 [B, 2]; see `size`."""
        sizes = self.view.sizes(self.index, ids.numpy()).astype(np.int64)
        sizes[~sizes.all(axis=1)] = self.side
        return torch.from_numpy(sizes)

    def size(self, i: int) -> tuple[int, int]:
        """Height and width of image `i` as decoded; of a whole image where its header cannot be read."""
        height, width = self.view.sizes(self.index, slice(i, i + 1))[0].tolist()
        return (height, width) if height and width else self.side

    def centre(self, i: int) -> Pixels:
        """Image `i` as it is seen when nothing is cut from it, uint8 [H, W, 3]."""
        return fitted(self.pixels(i), *self.side)

    def whole(self, i: int) -> Tensor:
        """Image `i` as it is seen when nothing is cut from it, uint8 [3, H, W]."""
        return torch.from_numpy(np.ascontiguousarray(self.centre(i).transpose(2, 0, 1)))

    def flaw(self, i: int) -> Flaw | None:
        """What is wrong with image `i`; decodes it, and counts for no run."""
        noted = Flaws()
        replace(self, bad=noted).pixels(i)
        return Flaw(self.encoded.where(i), noted.found[i]) if noted.found else None

    def is_as_indexed(self, i: int) -> bool:
        """Whether the bytes of image `i` are those that the index knows; it may know that they cannot be had."""
        try:
            digest = hashlib.sha256(self.encoded.read(i)).digest()
        except (OSError, InputError):
            digest = bytes(32)
        return bool(digest == self.index.sha256[i].tobytes())

    def _decoded(self, i: int, box: Box | None) -> Pixels:
        """Image `i`, or the box (top, left, height, width) of it; grey where it is a tolerated bad file."""
        where, size = self.encoded.where(i), self.size(i)
        try:
            data = self._read(i, where)
            part = decode_part(data, where, box, upright=self.view.exif == "apply")
            if part.size != size:
                raise _exchanged(where, data, size if self.index.sizes[i].all() else None)
            return part.pixels
        except InputError as error:
            self.bad.note(i, where, error)
            return np.full((*(box[2:] if box else size), 3), GREY, np.uint8)

    def _read(self, i: int, where: str) -> bytes:
        """The bytes of image `i`; InputError where they cannot be had."""
        try:
            return self.encoded.read(i)
        except OSError as error:
            raise InputError(f"{where}: cannot be read: {error.strerror or error}") from error


def _exchanged(where: str, data: bytes, size: tuple[int, int] | None) -> InputError:
    """The error for an image that is not of the size for which boxes are drawn: the file is another one now.

    `size` is the height and width that the index knows; None where no header could be read then.
    """
    (height, width), _ = header(data)
    before = f"was {size[1]}×{size[0]}" if size else "could not be read"
    return InputError(
        f"{where}: the image is {width}×{height}, and {before} when the data set was indexed; restore it, or "
        "have the data set indexed again"
    )
