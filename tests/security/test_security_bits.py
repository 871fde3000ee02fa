"""The bits of a run may come from anyone: they are read as bits or refused."""

import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hostile import Touch, read_all
from study_records import IDS


def npy(shape: tuple[int, ...], kind: str, data: bytes) -> bytes:
    """An array file that says what it likes of itself (numpy's format 1.0)."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape!r}, }}"
    head = head.ljust(118 - 1) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def archive(path: Path, compression: int, **members: bytes) -> None:
    """An .npz file."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)


def bits_of(kind: str, path: Path) -> None:
    """A hostile file in place of a run's bits."""
    good = npy((8 * len(IDS),), "|u1", b""), npy((125,), "|u1", bytes(125))
    ids = npy((len(IDS),), "<i8", IDS.astype("<i8").tobytes())
    match kind:
        case "objects":
            with path.open("wb") as file:
                np.savez(file, ids=np.array([Touch(path.parent / "ran")], object), allow_pickle=True)
        case "pickle":
            path.write_bytes(pickle.dumps(Touch(path.parent / "ran")))
        case "bomb":  # 1 MB on disk, 1 GiB once it is unpacked
            archive(
                path, zipfile.ZIP_DEFLATED, ids=npy((2**20,), "<i8", bytes(2**23)), top1=good[1], top5=good[1]
            )
        case "huge":
            archive(path, zipfile.ZIP_STORED, ids=npy((2**60,), "<i8", b"123"), top1=good[1], top5=good[1])
        case "short":
            archive(path, zipfile.ZIP_STORED, ids=ids, top1=npy((3,), "|u1", b"123"), top5=good[1])
        case "other kind":
            archive(path, zipfile.ZIP_STORED, ids=npy((1,), "|V8", bytes(8)), top1=good[1], top5=good[1])
        case "nested header":
            archive(path, zipfile.ZIP_STORED, ids=npy((1,), "(" * 60, bytes(8)), top1=good[1], top5=good[1])
        case "missing":
            archive(path, zipfile.ZIP_STORED, ids=ids)
        case "torn":
            path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    "kind", ["objects", "pickle", "bomb", "huge", "short", "other kind", "nested header", "missing", "torn"]
)
@pytest.mark.parametrize("name", ["correct.npz", "test.sealed.npz"])
def test_hostile_bits_are_one_line_and_nothing_of_them_is_run(study: Path, name: str, kind: str) -> None:
    place = sorted((study / "runs").iterdir())[0]
    bits_of(kind, place / name)
    verb = "analyze" if name == "correct.npz" else "open-test"
    said = read_all(study, (verb,))
    assert f"{name}: the bits of this run cannot be read" in said[verb]
    assert not list(study.rglob("ran"))
