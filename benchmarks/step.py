"""What trickbag's step costs over a bare hand-written loop: `make bench`, or `python -m benchmarks.step`.

Both train the same network on the same batches with the same augmentation, precision and threads, in turns of
a few steps within one process, so that whatever else the machine does meets both. Writes a JSON with every
turn's time.
"""

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F

from trickbag.data import ImageSet, MemoryStore
from trickbag.recipe import Machine, Recipe, apply, load_recipe
from trickbag.rng import Streams
from trickbag.train.feed import epoch_order, feed
from trickbag.train.loop import train_step
from trickbag.train.resolved import Resolved
from trickbag.train.session import Session, build_session

RESULTS = Path(__file__).parent / "results"


def synthetic(channels: int, side: int, count: int = 4096) -> ImageSet:
    """Random images: the cost of a step does not depend on what is in them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (count,), generator=generator)
    return ImageSet(images, labels, images[:1], labels[:1], tuple("0123456789"), "synthetic")


def session(recipe: Recipe, images: ImageSet, machine: Machine) -> Session:
    """A session on the images, without a data set behind it."""
    ids = torch.arange(len(images.train_labels))
    return build_session(Resolved(recipe, images, ids[256:], ids[:256], Path()), 1, machine)


def ours(run: Session) -> Callable[[int], None]:
    """`count` steps of trickbag's loop, its clock included."""
    order = epoch_order(run, 0)

    def turn(count: int) -> None:
        for i in range(count):
            train_step(run, *feed(run, [(0, order[i % len(order)])]))
            run.step += 1
            run.clock.step()

    return turn


def bare(run: Session) -> Callable[[int], None]:
    """`count` steps of a loop that a person would write by hand, with the same operations."""
    model, optimizer, store, streams = run.model, run.optimizer, run.store, Streams(1)
    assert isinstance(store, MemoryStore)
    order = epoch_order(run, 0)

    def turn(count: int) -> None:
        for i in range(count):
            ids = order[i % len(order)]
            x, y = store.images[ids], store.labels[ids]
            draws = streams.images(0, ids)
            for augment in run.sample:
                x = augment(x, draws)
            x = (x.float() - store.mean) / store.sd
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return turn


CASES: dict[str, tuple[str, dict[str, object], int, int]] = {
    "small": ("digits_baseline", {"model.channels": [8, 8, 8]}, 1, 8),
    "resnet20": ("cifar10_baseline", {}, 3, 32),
}


def measure(case: str, turns: int, steps: int, machine: Machine) -> dict[str, Any]:
    """Milliseconds per step of both, in interleaved turns; the order within a pair alternates."""
    name, patch, channels, side = CASES[case]
    recipe, images = apply(load_recipe(name), patch), synthetic(channels, side)
    runs = {"ours": ours(session(recipe, images, machine)), "bare": bare(session(recipe, images, machine))}
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(turns + 1):
        for which in ("ours", "bare") if turn % 2 else ("bare", "ours"):
            started = perf_counter()
            runs[which](steps)
            if turn:  # the first turn warms up
                times[which].append(1000 * (perf_counter() - started) / steps)
    extra = [a - b for a, b in zip(times["ours"], times["bare"], strict=True)]
    return {
        "case": case,
        "batch_size": recipe.budget.batch_size,
        "bare_ms": statistics.median(times["bare"]),
        "ours_ms": statistics.median(times["ours"]),
        "extra_ms": statistics.median(extra),
        "extra_percent": 100 * statistics.median(extra) / statistics.median(times["bare"]),
        "turns": times,
    }


def main() -> None:
    """Measure every case and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "step.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = Machine(device="cpu", threads=options.threads)
    results = []
    for case, steps in (("small", 50), ("resnet20", 2)):
        result = measure(case, options.turns, steps, machine)
        results.append(result)
        print("{case:>9}: bare {bare_ms:.2f} ms, ours {ours_ms:.2f} ms,".format(**result), end=" ")
        print("extra {extra_ms:+.3f} ms ({extra_percent:+.1f} %)".format(**result))
    about = {
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "threads": options.threads,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
