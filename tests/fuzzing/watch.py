"""Cases in processes of their own, so that a crash, a hang or a hunger for memory is seen and charged to its case."""

import importlib
import multiprocessing
import random
import resource
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import torch

from fuzzing.reading import damaged_image, damaged_set
from fuzzing.samples import images, sample_of
from trickbag.data.sources import cifar

CPU_SECONDS = 30.0  # of one case
WALL_SECONDS = 600.0  # without a word: a deadlock, even on a busy machine
MEMORY = 3 * 2**30  # bytes that a process may ask for on top of what it has at its start
BATCH = 500  # cases of one process

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["torch", "trickbag.data.prepare", "pyarrow.parquet", "scipy.io", "torchvision", "pytest"]
)

Case = tuple[str, int]  # kind and number
Read = Callable[[random.Random, Path], str]  # (draws, folder) -> outcome


@dataclass
class Report:
    """What came of all cases."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)  # kind -> outcome -> cases
    findings: list[str] = field(default_factory=list)  # what is wrong, with the case

    def note(self, case: Case, outcome: str) -> None:
        """Count an outcome; anything but "read" and "refused" is a finding."""
        self.outcomes.setdefault(case[0], Counter())[outcome.partition(":")[0]] += 1
        if outcome not in ("read", "refused"):
            self.findings.append(f"{case[0]} {case[1]}: {outcome}")


def reading(kind: str, shared: Path | None, home: Path) -> Read:
    """What reads a damaged file of a kind: an image by its suffix, or a data set."""
    _without_checksums()
    files = images(shared)
    if any(name.endswith(kind) for name in files):
        return partial(damaged_image, kind, files)
    return partial(damaged_set, sample_of(kind, files, home))


def fuzz(
    counts: Mapping[str, int], seed: int, shared: Path | None, reader: Callable[..., Read] = reading
) -> Report:
    """So many cases of each kind, in order; a case depends on (seed, kind, number) alone.

    `reader(kind, shared, home)` is called in each process, whose files of this kind lie in the folder `home`.
    """
    report = Report()
    left = [(kind, number) for kind, count in counts.items() for number in range(count)]
    while left:
        done = 0
        for case, outcome in _batch(left[:BATCH], seed, partial(reader, shared=shared)):
            report.note(case, outcome)
            done += 1
        del left[:done]
    return report


def _batch(cases: list[Case], seed: int, reader: Callable[..., Read]) -> Iterator[tuple[Case, str]]:
    """The outcomes of cases in one process; it ends with the first that the process does not survive."""
    ours, theirs = _CONTEXT.Pipe()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
        child = _CONTEXT.Process(target=work, args=(theirs, cases, seed, reader, Path(home)))
        child.start()
        theirs.close()
        try:
            for case in cases:
                outcome = _hear(ours, child)
                yield case, outcome
                if outcome.startswith("died"):
                    return
        finally:
            child.kill()
            child.join()
            ours.close()


def _hear(connection: Connection, child: multiprocessing.process.BaseProcess) -> str:
    """The outcome of the case under way."""
    if not connection.poll(WALL_SECONDS):
        return f"died: nothing heard for {WALL_SECONDS:.0f} seconds"
    try:
        return str(connection.recv())
    except EOFError:
        child.join(WALL_SECONDS)
        what = {-signal.SIGPROF: f"more than {CPU_SECONDS:.0f} CPU seconds"}
        return f"died: {what.get(child.exitcode or 0, f'exit code {child.exitcode}')}"


def work(
    connection: Connection, cases: list[Case], seed: int, reader: Callable[..., Read], home: Path
) -> None:
    """Go through the cases, telling the outcome of each."""
    torch.set_num_threads(1)
    warnings.simplefilter("error", append=True)  # a warning on the terminal names no file
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + MEMORY, resource.RLIM_INFINITY))
    known = dict[str, Read]()
    for kind, number in cases:
        place = home / kind
        if kind not in known:
            place.mkdir()
            known[kind] = reader(kind, home=place)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        connection.send(outcome_of(known[kind], random.Random(f"{seed} {kind} {number}"), place))


def _without_checksums() -> None:
    """Let damaged files pass that are told from the official ones by a checksum, so that the readers meet them."""
    cifar._check = lambda *sums: None
    idx = importlib.import_module("trickbag.data.sources.fashion_mnist")  # a function hides the module
    shapes = [(40, 28, 28), (40,), (15, 28, 28), (15,)]
    idx.FILES = tuple(
        replace(file, md5="", shape=shape) for file, shape in zip(idx.FILES, shapes, strict=True)
    )
    idx.hashlib = SimpleNamespace(file_digest=lambda *asked: SimpleNamespace(hexdigest=lambda: ""))


def outcome_of(read: Read, draw: random.Random, home: Path) -> str:
    """The outcome of one case; "escaped", with where it came from, for any other error than InputError."""
    try:
        outcome = read(draw, home)
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)
        ours = [
            f"{Path(frame.filename).name}:{frame.lineno}" for frame in where if "trickbag" in frame.filename
        ]
        outcome = f"escaped: {type(error).__name__}: {error} (at {', '.join(ours[-3:])})"
    if (home / "executed").exists():
        (home / "executed").unlink()
        return f"executed: code from the file ran; besides: {outcome}"
    return outcome
