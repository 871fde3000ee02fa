"""results.json: what the analysis says, and all that the report prints."""

from pathlib import Path
from typing import Any, Literal

from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, read_record

RESULTS = "results.json"
Verdict = Literal["better", "better but small", "equivalent", "worse", "undecided", "not analysed"]
TimeVerdict = Literal["faster", "slower", "no difference", "undecided", "not measured"]


class Accuracy(Frozen):
    """Effect on accuracy in percentage points, with its simultaneous 95 % interval and the 90 % twin."""

    effect: float
    low: float
    high: float
    low_90: float
    high_90: float


class Time(Frozen):
    """Training time as a ratio to the comparison's (below one is faster)."""

    ratio: float
    low: float
    high: float


class Price(Frozen):
    """What settling an undecided comparison would take, at 80 % power."""

    seeds: int | None  # in all, per arm; None: no sensible number
    more_runs: int | None
    text: str


class CurvePoint(Frozen):
    """Mean validation accuracy (percent) of an arm's runs after an epoch."""

    epoch: int
    mean: float
    low: float  # smallest and largest over seeds
    high: float


class Summary(Frozen):
    """An arm by itself, over its finished seeds."""

    name: str
    workload: str
    tricks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()  # other names of the same arm
    seeds: int
    mean: float | None  # percent
    sd: float | None  # percentage points
    top5_mean: float | None = None
    accuracy_by_seed: dict[int, float] = {}
    diverged: int = 0
    failed: dict[str, int] = {}  # other named outcomes -> count
    unfinished: int = 0
    step_milliseconds: float | None = None  # median over runs
    train_seconds: float | None = None  # median over runs
    parameters: int = 0
    fingerprint: str = ""
    diff: dict[str, tuple[Any, Any]] = {}
    curve: tuple[CurvePoint, ...] = ()


class ArmResult(Summary):
    """An arm against its comparison."""

    phase: str
    comparison: str
    verdict: Verdict
    fragile: bool = False
    accuracy: Accuracy | None = None
    p_adjusted: float | None = None
    paired_seeds: int = 0
    price: Price | None = None
    time_verdict: TimeVerdict = "not measured"
    time: Time | None = None
    indicative_time_ratio: float | None = None  # from runs side by side: no claim
    sentence: str = ""  # what a practitioner should take from it


class Noise(Frozen):
    """How noisy one workload is."""

    workload: str
    seed_sd: float | None  # pooled over arms, percentage points
    evaluation_luck: float | None  # share of the seed variance that is luck of the finite evaluation set
    seed_correlation: float | None  # of arms with one seed
    pairing_saved: float | None  # share of runs that pairing saved
    evaluation_images: int


class Amendment(Frozen):
    """A change of the plan after it was frozen."""

    reason: str
    written: str
    finished_runs: int  # how many runs were finished by then


class Results(Frozen):
    """Everything that the analysis says about a study."""

    format: int = FORMAT
    study: str
    question: str
    plan_hash: str
    planned: str  # when the plan was frozen
    margin: float
    level: float
    baseline: Summary  # of the first workload
    baselines: tuple[Summary, ...]  # of every workload
    arms: tuple[ArmResult, ...]
    noise: tuple[Noise, ...]
    bottom_line: str
    not_claimed: str
    runs_planned: int
    runs_done: int
    test_openings: int = 0
    dropped: dict[str, str] = {}
    amendments: tuple[Amendment, ...] = ()
    scope: dict[str, str] = {}  # workload -> what it is: network, data, budget, images judged on
    method: str = ""  # the test that judged, as the plan names it
    machine: dict[str, Any]
    provenance: dict[str, Any]


def read_results(folder: Path) -> Results:
    """The results in a study folder."""
    return read_record(Results, folder / RESULTS)
