"""What batched augmentation saves over torchvision's, image by image: `make bench`, or `python -m benchmarks.augment`.

One batch of CIFAR-sized images goes through TrivialAugment and RandAugment(2, 9): ours on the whole batch with an
operation and a strength for each image, torchvision's transforms on one PIL image at a time, and its v2 transforms
on one tensor at a time. They take turns within one process on one thread and are charged CPU time, so that
whatever else the machine does meets all three. Writes a JSON with every turn's time.
"""

import argparse
import json
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import torch
import torchvision
from torchvision import transforms
from torchvision.transforms import v2

from trickbag.data import SAMPLE_OPERATIONS
from trickbag.rng import Streams
from trickbag.train.memory import keep_freed_memory

RESULTS = Path(__file__).parent / "results"
LIMITS = {"trivial_augment": 6, "rand_augment": 5}  # times torchvision's PIL transforms: what we promise
THEIRS = {
    "trivial_augment": (transforms.TrivialAugmentWide, v2.TrivialAugmentWide),
    "rand_augment": (transforms.RandAugment, v2.RandAugment),
}


def methods(policy: str, x: torch.Tensor) -> dict[str, Callable[[int], object]]:
    """What each way does with the batch, draws included, in a given turn."""
    ids, operation = torch.arange(len(x)), SAMPLE_OPERATIONS[policy]()
    of_pil, of_tensor = (kind() for kind in THEIRS[policy])
    pictures = [transforms.functional.to_pil_image(image) for image in x]
    return {
        "ours": lambda turn: operation(x, Streams(0).images(turn, ids)),
        "pil": lambda _: [of_pil(picture) for picture in pictures],
        "v2_tensor": lambda _: [of_tensor(image) for image in x],
    }


def measure(policy: str, turns: int, batch: int, side: int) -> dict[str, Any]:
    """Microseconds of CPU time per image of each way, in interleaved turns whose order rotates."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, generator=generator)
    ways = methods(policy, x)
    names, times = list(ways), {name: list[float]() for name in ways}
    for turn in range(turns + 1):
        for name in names[turn % 3 :] + names[: turn % 3]:
            started = process_time()
            ways[name](turn)
            if turn:  # the first turn warms up
                times[name].append(1e6 * (process_time() - started) / batch)
    ratios = [pil / ours for pil, ours in zip(times["pil"], times["ours"], strict=True)]
    return {
        "policy": policy,
        "batch_size": batch,
        "side": side,
        "microseconds": {name: statistics.median(values) for name, values in times.items()},
        "times_pil": statistics.median(ratios),
        "limit": LIMITS[policy],
        "turns": times,
    }


def main() -> None:
    """Measure both policies and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--out", type=Path, default=RESULTS / "augment.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as a run does
    results = [measure(policy, options.turns, options.batch, options.side) for policy in LIMITS]
    for result in results:
        times = ", ".join(f"{name} {value:.0f}" for name, value in result["microseconds"].items())
        print(f"{result['policy']}: µs per image: {times}; {result['times_pil']:.1f} times PIL", end=" ")
        print(f"(at least {result['limit']})")
    about = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "machine": platform.processor() or platform.machine(),
        "threads": 1,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
