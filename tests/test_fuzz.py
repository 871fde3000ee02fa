"""A few hundred of the damaged files of `make fuzz`, and that its watch sees what it is there to see."""

import ctypes
import pickle
import random
import signal
import zlib
from pathlib import Path

from fuzz import SHARES, counts, shared_data
from fuzzing.mutate import PNG, mutated, payloads, with_right_checksums
from fuzzing.reading import read_all
from fuzzing.samples import images, sample_of, written
from fuzzing.watch import MEMORY, Read, fuzz

from trickbag.data import EncodedImages
from trickbag.data.decoding.decode import decode


def test_damaged_files_are_read_or_refused_by_name() -> None:
    report = fuzz(counts(300, list(SHARES)), 0, shared_data())
    assert report.findings == []
    assert report.outcomes.keys() == SHARES.keys()
    assert sum(outcomes.total() for outcomes in report.outcomes.values()) >= 300
    for kind in ("jpg", "png", "batches", "parquet"):
        assert report.outcomes[kind].keys() == {"read", "refused"}  # neither too little damage nor too much


def trouble(kind: str, shared: Path | None, home: Path) -> Read:
    """A reader that is as bad as its kind says."""

    def read(draw: random.Random, home: Path) -> str:
        match kind:
            case "crashes":
                ctypes.string_at(0)
            case "hangs":
                signal.setitimer(signal.ITIMER_PROF, 0.1)
                while True:
                    pass
            case "is hungry":
                bytearray(2 * MEMORY)
            case "executes":
                pickle.loads(payloads(home / "executed")[0])
        return str(1 / 0)

    return read


def test_the_watch_sees_what_must_not_happen() -> None:
    seen = {
        "crashes": "died: exit code -11",
        "hangs": "died: more than 30 CPU seconds",
        "is hungry": "escaped: MemoryError",
        "executes": "executed: code from the file ran",
        "fails": "escaped: ZeroDivisionError",
    }
    report = fuzz(dict.fromkeys(seen, 1), 0, None, trouble)
    expected = [f"{kind} 0: {what}" for kind, what in seen.items()]
    found = zip(report.findings, expected, strict=True)
    assert [finding[: len(words)] for finding, words in found] == expected


def test_undamaged_samples_are_read_whole(tmp_path: Path) -> None:
    """Or damage would show nothing."""
    files = images(None)
    assert all(decode(data, name).size for name, data in files.items())
    for kind in ("squares", "parquet images", "tars", "zip", "prepared images"):
        sample = sample_of(kind, files, tmp_path)
        written(sample.files, tmp_path / kind)
        opened = read_all(sample, tmp_path / kind)
        assert isinstance(opened.train_images, EncodedImages)
        assert len(opened.train_images)
        assert not opened.bad


def test_the_same_draws_damage_alike() -> None:
    data, others = bytes(range(256)) * 4, [b"other" * 20]
    changed = [[mutated(data, others, random.Random(i)) for i in range(50)] for _ in range(2)]
    assert changed[0] == changed[1]
    assert len({*changed[0]} - {data}) > 45
    assert mutated(b"", others, random.Random(1)) is not None


def test_checksums_are_zlibs() -> None:
    """The last four bytes of a chunk: CRC-32 over its type and content (PNG specification, 5.3)."""
    chunk = b"\0\0\0\3" + b"abcd" + b"xyz"
    assert with_right_checksums(PNG + chunk + b"????")[-4:] == zlib.crc32(b"abcdxyz").to_bytes(4, "big")
