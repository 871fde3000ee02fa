"""`make fuzz`: 10,000 randomly damaged files go through the real readers.

    python tests/fuzz.py [--cases 10000] [--seed 1] [--kinds jpg,parquet]

No crash, no hang, no traceback, nothing executed, each bad file named. Prints every case for which that does not hold,
and exits with 1 if there is one. The same seed gives the same cases.
"""

import argparse
import os
import sys
from pathlib import Path

from fuzzing.watch import Report, fuzz

SHARES = {  # of the cases, in percent
    "jpg": 25, "png": 20, "gif": 1, "webp": 1, "bmp": 1, "tif": 2, "ppm": 1, "squares": 4, "originals": 4, "upright": 2,
    "batches": 10, "batches of 100": 2, "archive": 2, "parquet": 8, "parquet images": 4, "idx": 1, "idx gz": 1,
    "tars": 4, "zip": 3, "prepared images": 3, "prepared arrays": 1,
}  # fmt: skip


def counts(cases: int, kinds: list[str]) -> dict[str, int]:
    """How many cases of each kind: by their shares, at least one."""
    whole = sum(SHARES[kind] for kind in kinds)
    return {kind: max(1, round(cases * SHARES[kind] / whole)) for kind in kinds}


def shared_data() -> Path | None:
    """Real images beside the project, where there are some."""
    home = Path(os.environ.get("TRICKBAG_SHARED", Path(__file__).parents[2] / "shared")) / "data"
    return home if home.exists() else None


def show(report: Report) -> None:
    """Print a line per kind, then the findings."""
    for kind, outcomes in report.outcomes.items():
        print(f"{kind:<16}" + "  ".join(f"{count:>5} {name}" for name, count in sorted(outcomes.items())))
    print(*report.findings, sep="\n")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Damaged files against the readers.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(SHARES))
    given = parser.parse_args()
    report = fuzz(counts(given.cases, given.kinds.split(",")), given.seed, shared_data())
    show(report)
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
