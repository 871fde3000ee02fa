"""What trickbag's step costs over a bare hand-written loop: `make bench`, or `python -m benchmarks.step`.

Both train the same network on the same batches with the same augmentation, precision and threads, in turns of
a few steps within one process, so that whatever else the machine does meets both. On a GPU (`--device cuda`)
there are other cases, each in several precisions. Writes a JSON with every turn's time.
"""

import argparse
import json
import platform
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
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
    model, optimizer, store, streams = run.forward, run.optimizer, run.store, Streams(1)
    assert isinstance(store, MemoryStore)
    scaler = torch.amp.GradScaler(run.device.type, enabled=run.scaler is not None)
    layout = torch.channels_last if run.recipe.precision.channels_last else torch.contiguous_format
    order = epoch_order(run, 0).to(run.device)

    def turn(count: int) -> None:
        for i in range(count):
            ids = order[i % len(order)]
            x, y = store.images[ids], store.labels[ids]
            draws = streams.images(0, ids)
            for augment in run.sample:
                x = augment(x, draws)
            x = ((x.float() - store.mean) / store.sd).contiguous(memory_format=layout)
            with run.autocast:
                loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()

    return turn


@dataclass(frozen=True)
class Case:
    """A recipe, what is changed of it, and the images."""

    recipe: str
    patch: Mapping[str, object]
    channels: int
    side: int
    precisions: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: {"fp32": {}})


TF32: dict[str, object] = {"precision.tf32": True}
BF16: dict[str, object] = {"precision.dtype": "bf16"}
LAST: dict[str, object] = {"precision.channels_last": True}
PRECISIONS: dict[str, dict[str, object]] = {
    "fp32": {},
    "tf32": TF32,
    "tf32, channels last": {**TF32, **LAST},
    "bf16": BF16,
    "bf16, channels last": {**BF16, **LAST},
    "fp16, channels last": {"precision.dtype": "fp16", **LAST},
    "bf16, channels last, compiled": {**BF16, **LAST, "precision.compile": True},
}
HALF = ("bf16, channels last", "fp16, channels last")
CASES = {
    "cpu": {
        "small": Case("digits_baseline", {"model.channels": [8, 8, 8]}, 1, 8),
        "resnet20": Case("cifar10_baseline", {}, 3, 32),
    },
    "cuda": {
        "resnet18, small images": Case("cifar10_resnet18", {"budget.batch_size": 512}, 3, 32, PRECISIONS),
        "resnet18, small images, batch 128": Case(
            "cifar10_resnet18", {}, 3, 32, {name: PRECISIONS[name] for name in ("tf32, channels last", *HALF)}
        ),
        "resnet50": Case(
            "imagenet_paper_baseline", {"sample": {"flip": {}}, "data.crop": None}, 3, 224, PRECISIONS
        ),
    },
}


def measure(recipe: Recipe, images: ImageSet, turns: int, seconds: float, machine: Machine) -> dict[str, Any]:
    """Milliseconds per step of both, in interleaved turns; the order within a pair alternates."""
    run = session(recipe, images, machine)
    loops = {"ours": ours(run), "bare": bare(session(recipe, images, machine))}
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for loop in loops.values():  # compiles, chooses kernels
        loop(3)
    started = run.clock.now()
    loops["bare"](2)
    steps = max(2, ceil(2 * seconds / (run.clock.now() - started)))
    for turn in range(turns + 1):
        for which in ("ours", "bare") if turn % 2 else ("bare", "ours"):
            started = run.clock.now()
            loops[which](steps)
            if turn:  # the first turn warms up
                times[which].append(1000 * (run.clock.now() - started) / steps)
    extra = [a - b for a, b in zip(times["ours"], times["bare"], strict=True)]
    bare_ms, batch = statistics.median(times["bare"]), recipe.budget.batch_size
    return {
        "batch_size": batch,
        "bare_ms": bare_ms,
        "ours_ms": statistics.median(times["ours"]),
        "extra_ms": statistics.median(extra),
        "extra_percent": 100 * statistics.median(extra) / bare_ms,
        "images_per_second": 1000 * batch / statistics.median(times["ours"]),
        "steps": steps,
        "turns": times,
    }


def about(device: str) -> dict[str, Any]:
    """Versions and machine."""
    processor = platform.processor() or platform.machine()
    name = torch.cuda.get_device_name() if device == "cuda" else processor
    return {"torch": torch.__version__, "machine": name, "threads": torch.get_num_threads()}


def main() -> None:
    """Measure every case and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=list(CASES), default="cpu")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a turn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/step.json, or step_cuda.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = Machine(device=options.device, threads=options.threads)
    results = []
    for name, case in CASES[options.device].items():
        images = synthetic(case.channels, case.side)
        for precision, patch in case.precisions.items():
            recipe = apply(load_recipe(case.recipe), {**case.patch, **patch})
            found = measure(recipe, images, options.turns, options.seconds, machine)
            results.append({"case": name, "precision": precision, **found})
            print(f"{name}, {precision}: {found['images_per_second']:,.0f} images/s,", end=" ")
            print("bare {bare_ms:.2f} ms, ours {ours_ms:.2f} ms,".format(**found), end=" ")
            print("extra {extra_ms:+.3f} ms ({extra_percent:+.1f} %)".format(**found), flush=True)
    out = options.out or RESULTS / ("step.json" if options.device == "cpu" else f"step_{options.device}.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({**about(options.device), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
