"""What loading images costs, ours beside torchvision's, a torch DataLoader and timm's: `make bench`, or
`python -m benchmarks.loading`.

The ways take turns within one process, small chunks in alternating order, so that whatever else the machine does
meets all of them. Per core they are charged CPU time with one thread; whole loaders run on two cores and are
charged wall time: let nothing else run then. docs/loading.md says what is compared. Writes a JSON with every turn.
"""

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.loaders import cifar, imagenet, memory
from benchmarks.loaders.turns import UNITS, Measured
from trickbag.train.memory import keep_freed_memory

HERE = Path(__file__).parent
SAMPLES = HERE.parent.parent / "shared" / "data" / "imagenet-samples"
PACKAGES = ("torch", "torchvision", "timm", "pillow", "simplejpeg", "numpy")


def table(case: Measured) -> str:
    """A case for people: a line for each way, its rate and its ratio to the reference."""
    lines = [f"{case.case} ({UNITS[case.clock]})"]
    for way, rates in case.rates.items():
        limit = f", at least {case.limits[way]:g} asked" if way in case.limits else ""
        ratio = f"{case.ratio(way):6.2f} times{limit}" if way != case.reference else "       the reference"
        lines.append(f"  {way:<38} {statistics.median(rates):>9,.0f}  {ratio}")
    return "\n".join(lines)


def shown(cases: Iterable[Measured]) -> list[Measured]:
    """The cases, each printed as soon as it is measured."""
    found = []
    for case in cases:
        print(table(case), flush=True)
        found.append(case)
    return found


def memory_lines(found: dict[str, dict[str, Any]]) -> str:
    """What was found of memory, for people."""
    lines = [
        "Memory",
        "  index of {images:,} images: open, with an epoch's order, in {seconds:.2f} s".format(
            **found["index"]
        )
        + " and {mb:.0f} MB".format(**found["index"])
        + f" (at most {memory.SECONDS:g} s and {memory.MEGABYTES} MB asked)",
    ]
    if "streamed epoch" in found:
        lines.append(
            "  streamed epoch of {images:,} images: {first_quarter_mb:.0f} MB resident in its first quarter, "
            "{last_quarter_mb:.0f} MB in its last".format(**found["streamed epoch"])
        )
    return "\n".join(lines)


def main() -> None:
    """Measure everything, print a table for each case, and keep every turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--turns",
        type=int,
        default=8,
        help="of each case; of CIFAR per core, which is quick, four times as many",
    )
    parser.add_argument("--images", type=Path, default=SAMPLES, help="a folder of ImageNet JPEGs")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run: one turn, short epochs, nothing kept"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results" / "loading.json")
    options = parser.parse_args()
    turns, epoch = (1, 256) if options.quick else (options.turns, 2048)
    images = options.images if options.images.is_dir() else None
    keep_freed_memory()  # as a run does
    cases = shown(cifar.measured(turns))
    with tempfile.TemporaryDirectory() as home:
        small, synthetic = Path(home, "small"), Path(home, "synthetic")
        for folder in (small, synthetic):
            folder.mkdir()
        if images is None:
            print(f"{options.images}: no such folder; ImageNet JPEGs are left out")
        else:
            cases += shown(imagenet.measured(images, small, turns, epoch))
        found = memory.measured(images, synthetic, 4 * epoch)
    print(memory_lines(found))
    about = {package: version(package) for package in PACKAGES} | {"machine": platform.machine()}
    if not options.quick:
        kept = {**about, "results": [case.plain() for case in cases], "memory": found}
        options.out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
