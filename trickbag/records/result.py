"""results.json: what the analysis says, and all that the report prints."""

from pathlib import Path
from typing import Any, Literal

from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, read_record
from trickbag.records.plan import Ledger, PhaseName

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


class Interval(Frozen):
    """An estimate with its 95 % interval; what it is of, and whether it is simultaneous, its field says."""

    effect: float
    low: float
    high: float


class Time(Frozen):
    """Training time as a ratio to the comparison's (below one is faster), with its simultaneous interval."""

    ratio: float
    low: float
    high: float
    seconds: float | None = None  # of a whole run, from the timing session
    startup_ratio: float | None = None  # building, first steps and compilation; no claim
    rounds: int = 0


class Longer(Frozen):
    """How many times as long the baseline must train to reach the arm's accuracy; the bounds may be open.

    The interval is its own, not simultaneous with those of other arms.
    """

    times: float
    low: float | None
    high: float | None


class ToTarget(Frozen):
    """Training time until the comparison's mean final accuracy is reached; runs that never do are censored."""

    target: float  # percent
    reached: int  # runs
    runs: int
    median_seconds: float | None  # Kaplan-Meier; None where fewer than half reach it
    comparison_median_seconds: float | None
    p: float | None  # log-rank test of the two arms, uncorrected


class Spread(Frozen):
    """How an arm's seeds scatter; shown, never acted upon."""

    sd_ratio: float | None  # to the comparison's SD
    outlying_seeds: tuple[int, ...] = ()  # whose difference lies far from the others'
    diverged_p: float | None = None  # Barnard's exact test of equal rates of divergence


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
    balanced_mean: float | None = None  # percent, of the classes' accuracies; imbalanced data sets only
    accuracy_by_seed: dict[int, float] = {}
    diverged: int = 0
    failed: dict[str, int] = {}  # other named outcomes -> count
    reasons: tuple[str, ...] = ()  # what the runs that ended so said, each once
    unfinished: int = 0
    step_milliseconds: float | None = None  # median over runs
    train_seconds: float | None = None  # median over runs
    parameters: int = 0
    fingerprint: str = ""
    diff: dict[str, tuple[Any, Any]] = {}
    published: float | None = None  # percent, as somebody printed it for an arm like this
    published_source: str = ""
    curve: tuple[CurvePoint, ...] = ()
    rates: tuple[float, ...] = ()  # learning rate at the end of every epoch, mean over runs


class ArmResult(Summary):
    """An arm against its comparison."""

    phase: PhaseName
    comparison: str
    verdict: Verdict
    fragile: bool = False
    interim: bool = False  # confirming runs of either side, or a look at them, are to come: no claim yet
    accuracy: Accuracy | None = None
    selected: bool = False  # a screening estimate: it helped to choose the arm, so it is optimistic
    stopped_at: int | None = None  # seeds at the interim look that settled it
    relative_error: Interval | None = None  # change of the error rate, % of the comparison's, simultaneous
    new_images: Interval | None = None  # effect on new images like these (seeds x images), simultaneous
    test: Accuracy | None = None  # on the test images, once they were opened
    test_mean: float | None = None  # percent
    p_adjusted: float | None = None  # None with interim looks: a look's own p-value is not the study's
    published_effect: float | None = None  # to the comparison's, where one source printed both
    paired_seeds: int = 0
    spread: Spread | None = None
    ledger: Ledger = Ledger()
    price: Price | None = None
    time_verdict: TimeVerdict = "not measured"
    time: Time | None = None
    indicative_time_ratio: float | None = None  # from runs side by side: no claim
    faster_and_kept: bool = False  # not less accurate by the margin, and faster: one joint claim
    equals_longer: Longer | None = None  # of claims that are neither fragile nor interim
    to_target: ToTarget | None = None
    sentence: str = ""  # what a practitioner should take from it


class ContrastResult(Frozen):
    """How much a factor carries, in percentage points, with simultaneous intervals over its family."""

    workload: str
    kind: Literal["main_effect", "interaction", "shapley"]
    name: str
    accuracy: Accuracy
    verdict: Verdict
    fragile: bool
    interim: bool = False  # runs of its cells are to come: no claim yet
    p_adjusted: float
    sentence: str = ""


class Attribution(Frozen):
    """A stack's gain shared out among its factors; Shapley values sum to the total exactly.

    Shares of sampled orders: their intervals speak about seeds, and leave out the sampling of the orders.
    """

    workload: str
    kind: Literal["main_effect", "interaction", "shapley"]
    parts: tuple[ContrastResult, ...]
    total: Interval | None = None  # of the whole stack over the baseline, where both are arms
    orders: int | None = None  # random orders that Shapley shares are averaged over; None: all orders


class Across(Frozen):
    """An arm's effect over several workloads: a random-effects summary and how much the effects differ."""

    name: str
    comparison: str
    workloads: tuple[str, ...]
    effects: tuple[Interval, ...]  # per workload, each with its own 95 % interval
    mean: Interval  # Hartung-Knapp
    prediction: Interval | None  # where the effect on another such workload would lie
    tau: float  # SD of the true effects between workloads, percentage points
    i_squared: float  # share of the scatter that is not chance, 0 to 1
    heterogeneity_p: float  # Welch's (1951) test of equal effects
    heterogeneity_p_adjusted: float = 1.0  # Holm, over the arms of the study
    sentence: str = ""


class CostPoint(Frozen):
    """An arm on the picture of accuracy against training cost."""

    name: str
    workload: str
    seconds: Interval  # of a whole run
    accuracy: Interval  # percent, mean and its own 95 % interval
    on_front: bool  # no arm is both cheaper and more accurate
    measured: bool  # from a timing session; otherwise indicative


class TimingSession(Frozen):
    """The exclusive session that the time verdicts come from."""

    rounds: int
    other_load: float  # share of the cores that other processes used
    warning: str = ""
    machine: dict[str, Any] = {}
    written: str = ""


class Noise(Frozen):
    """How noisy one workload is."""

    workload: str
    seed_sd: float | None  # pooled over arms, percentage points
    evaluation_luck: float | None  # share of the seed variance that is luck of the finite evaluation set
    seed_correlation: float | None  # of arms with one seed
    pairing_saved: float | None  # share of runs that pairing saved
    evaluation_images: int
    smallest_sd: float | None = None  # of an arm
    largest_sd: float | None = None
    equal_sd_p: float | None = None  # Brown-Forsythe test of equal SDs


class PhaseNote(Frozen):
    """A phase of the study, and how its runs were chosen."""

    name: PhaseName
    look: int | None = None
    runs: int
    seeds: tuple[int, ...]
    rule: str
    reasons: dict[str, str] = {}  # arm -> why it went on or not


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
    time_margin: float = 2.0  # percent of training time that make no practical difference
    level: float
    pairing: Literal["seeds", "none"] = "seeds"  # none: every arm has seeds of its own
    extensions: int = 0  # times that seeds were added after results could be seen
    baseline: Summary  # of the first workload
    baselines: tuple[Summary, ...]  # of every workload
    arms: tuple[ArmResult, ...]
    attributions: tuple[Attribution, ...] = ()
    across: tuple[Across, ...] = ()
    costs: tuple[CostPoint, ...] = ()
    timing: TimingSession | None = None
    noise: tuple[Noise, ...]
    bottom_line: str
    not_claimed: str
    runs_planned: int
    runs_done: int
    test_openings: int = 0
    dropped: dict[str, str] = {}
    not_applicable: dict[str, dict[str, str]] = {}  # workload -> factor that means nothing on it -> why
    amendments: tuple[Amendment, ...] = ()
    phases: tuple[PhaseNote, ...] = ()
    openings: tuple[str, ...] = ()  # when the test bits were opened
    scope: dict[str, str] = {}  # workload -> what it is: network, data, budget, images judged on
    method: str = ""  # the test that judged, as the plan names it
    machine: dict[str, Any]
    provenance: dict[str, Any]


def read_results(folder: Path) -> Results:
    """The results in a study folder."""
    return read_record(Results, folder / RESULTS)
