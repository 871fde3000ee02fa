"""Does the whole program claim a difference where there is none? Real runs, resampled.

    python -m benchmarks.aa DIR        # DIR: a finished `trickbag study digits_aa --out DIR`

All runs of an A/A study are repeats of one recipe with independent random streams, so any assignment of them to
arms and seeds is a study in which nothing differs. Twenty such studies are laid out as folders and analysed by
`trickbag.analyze_study`; the share that claims anything must fit the nominal 5 %. Writes benchmarks/results/aa.json.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import binom

from trickbag import analyze_study
from trickbag.records.bits import read_bits, write_bits
from trickbag.records.chain import PlanFile, read_plan
from trickbag.records.files import write_record
from trickbag.records.plan import PlannedRun
from trickbag.records.run import CORRECT, read_run, write_run

STUDIES, LEVEL = 20, 0.05
CLAIMS = ("better", "better but small", "worse")
OUT = Path(__file__).parent / "results" / "aa.json"


def lay_out(file: PlanFile, pool: Sequence[Path], place: Path) -> None:
    """A study folder in which the planned runs are those of `pool`, in its order."""
    write_record(place / "plan.json", file)
    for planned, source in zip(file.plan().runs, pool, strict=True):
        copy_run(planned, source, place / "runs" / planned.id)


def copy_run(planned: PlannedRun, source: Path, place: Path) -> None:
    """A finished run under another arm and seed."""
    place.mkdir(parents=True)
    record = read_run(source)
    assert record is not None
    write_run(place, record.model_copy(update=planned.model_dump(exclude={"needs"})))
    write_bits(place / CORRECT, *read_bits(source / CORRECT))


def main(folder: Path) -> int:
    """Resample, print, store; 1 where the accuracies do not differ or too many studies claim something."""
    file = read_plan(folder)
    runs = [folder / "runs" / run.id for run in file.plan().runs]
    accuracies = [100 * float(read_bits(run / CORRECT)[1].mean()) for run in runs]
    own, rng, claimed = analyze_study(folder), np.random.default_rng(0), []
    for _ in range(STUDIES):
        with TemporaryDirectory() as name:
            lay_out(file, [runs[i] for i in rng.permutation(len(runs))], Path(name))
            claimed.append(sum(arm.verdict in CLAIMS for arm in analyze_study(Path(name)).arms))
    wrong, most = sum(count > 0 for count in claimed), int(binom.ppf(0.95, STUDIES, LEVEL))
    found: dict[str, Any] = {
        "runs": len(runs),
        "different_accuracies": len({round(a, 6) for a in accuracies}),
        "verdicts_of_the_study_itself": {arm.name: arm.verdict for arm in own.arms},
        "resampled_studies": STUDIES,
        "studies_that_claim_something": wrong,
        "at_most": most,
        "accuracies": sorted(accuracies),
    }
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{len(runs)} runs of one recipe, {min(accuracies):.2f} to {max(accuracies):.2f} %, ", end="")
    print(f"{found['different_accuracies']} different accuracies")
    print(
        f"{wrong} of {STUDIES} resampled studies claim a difference (nominal {LEVEL:.0%}; up to {most} is chance)"
    )
    return int(wrong > most or found["different_accuracies"] < len(runs) // 4)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
