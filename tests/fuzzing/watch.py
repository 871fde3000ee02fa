"""Cases in processes of their own, so that a crash, a hang or a hunger for memory is seen and charged to its case."""

import multiprocessing
import random
import resource
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from fuzzing.reading import damaged_image, damaged_set
from fuzzing.samples import Sample, images, samples
from trickbag.data.sources import cifar

CPU_SECONDS = 30.0  # of one case
WALL_SECONDS = 600.0  # without a word: a deadlock, even on a busy machine
MEMORY = 3 * 2**30  # bytes that a process may ask for on top of what it has at its start
BATCH = 500  # cases of one process

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["torch", "trickbag.data", "pyarrow.parquet", "PIL.Image"])


@dataclass
class Report:
    """What came of all cases."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)  # kind -> outcome -> cases
    findings: list[str] = field(default_factory=list)  # what is wrong, with the case

    def note(self, kind: str, case: int, outcome: str) -> None:
        """Count an outcome; anything but "read" and "refused" is a finding."""
        self.outcomes.setdefault(kind, Counter())[outcome.partition(":")[0]] += 1
        if outcome not in ("read", "refused"):
            self.findings.append(f"{kind} {case}: {outcome}")


def fuzz(counts: Mapping[str, int], seed: int, shared: Path | None) -> Report:
    """So many cases of each kind, in order; a case depends on (seed, kind, number) alone."""
    report = Report()
    for kind, count in counts.items():
        left = list(range(count))
        while left:
            for case, outcome in _batch(kind, left[:BATCH], seed, shared):
                report.note(kind, case, outcome)
                left.remove(case)
    return report


def _batch(kind: str, cases: list[int], seed: int, shared: Path | None) -> Iterator[tuple[int, str]]:
    """The outcomes of cases in one process; it ends with the first that the process does not survive."""
    ours, theirs = _CONTEXT.Pipe()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
        child = _CONTEXT.Process(target=work, args=(theirs, kind, cases, seed, shared, Path(home)))
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
    connection: Connection, kind: str, cases: list[int], seed: int, shared: Path | None, home: Path
) -> None:
    """Go through the cases, telling the outcome of each."""
    torch.set_num_threads(1)
    warnings.simplefilter("error")  # a warning on the terminal names no file
    cifar._check = lambda *sums: None  # the checksums would end every case before the unpickler
    files, sets = images(shared), samples(shared, home)
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + MEMORY, resource.RLIM_INFINITY))
    for case in cases:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        connection.send(outcome_of(kind, random.Random(f"{seed} {kind} {case}"), files, sets, home))


def outcome_of(
    kind: str, draw: random.Random, files: dict[str, bytes], sets: Mapping[str, Sample], home: Path
) -> str:
    """The outcome of one case; "escaped" with the end of its traceback for any other error than InputError."""
    try:
        if kind in sets:
            outcome = damaged_set(sets[kind], draw, home)
        else:
            outcome = damaged_image(
                draw.choice([name for name in files if name.endswith(kind)]), files, draw, home
            )
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
