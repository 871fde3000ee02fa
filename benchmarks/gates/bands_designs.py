"""The gates of everything beside families of comparisons: contrasts, own seeds, looks, time, images, price, stages."""

from collections.abc import Mapping
from functools import partial
from math import inf, sqrt

from benchmarks.gates.bands import error_band
from benchmarks.gates.designs import LOOKS, Spread, contrasts, looks, time, unpaired
from benchmarks.gates.gate import ALPHA, JUDGES, LIMIT, Gate, Scenario, proportion, three_se
from benchmarks.gates.images import crossed
from benchmarks.gates.noise import Cell, Kind
from benchmarks.gates.prices import priced
from benchmarks.gates.stages import ARMS, EFFECT, REAL, one_stage, two_stage

CONTRASTS = "Sums over the cells of a 2³ factorial, 5 seeds"
UNPAIRED = "Arms with seeds of their own: 10 arms, 5 seeds, 16 of the baseline"
LOOKING = f"Interim looks after {LOOKS[0]}, {LOOKS[1]} and {LOOKS[2]} seeds"
TIME = "Time: 5 arms in 6 rounds, none faster, on a machine that ends 2 % slower"
IMAGES = "New images of the same kind: the arm helps some images and hurts others"
PRICE = "Price: “about N more seeds would show …”, where the estimate is the truth"
STAGES = f"Two stages: {ARMS} arms, {REAL} gain {EFFECT:g} seed SDs"
POWER, SAVING, TOLERANCE = 0.95, 0.35, 0.03
DESIGN = (3, 5, 12)  # seeds to screen, arms to keep, seeds to confirm: the cheapest found with power .95
ONE_STAGE = 13  # seeds; twelve do not reach that power

SPREADS: dict[Spread, float] = {
    "normal": 1.0,
    "t3": 0.25,
    "stack SD x3": 0.25,
    "half of the cells correlated .9": 0.25,
}
OWN_SEEDS = {
    "normal": Cell(),
    "t3": Cell(noise="t3"),
    "10 % bad seeds (-4 SD)": Cell(noise="bad seeds"),
    "one arm SD x3": Cell(sds=(1, 3, *[1] * 9)),
    "baseline SD x3": Cell(sds=(3, *[1] * 10)),
    "SD ratio 1:3 in halves": Cell(sds=(1, *[1] * 5, *[3] * 5)),
}
BASELINE_RUNS = 16  # about √10 times as many
STAGE_SOURCES = (
    *JUDGES,
    *(f"trickbag/study/{name}.py" for name in ("choose", "phases", "runs", "simulate", "stages")),
    "trickbag/analyze/family.py",
)


def scenarios() -> list[Scenario]:
    """Everything beside families of comparisons."""
    return [*_contrasts(), *_unpaired(), *_looks(), *_time(), *_images(), *_prices(), *_stages()]


def _contrasts() -> list[Scenario]:
    """Main effects, interactions and Shapley shares."""
    return [
        Scenario(
            f"contrasts: {kind}, {spread}",
            partial(contrasts, kind, spread, 5),
            partial(_claims, CONTRASTS, f"{kind}, {spread} noise", spread == "normal"),
            share,
            (*JUDGES, "trickbag/study/design/weights.py"),
        )
        for kind in ("main effects", "interactions", "Shapley shares")
        for spread, share in SPREADS.items()
    ]


def _unpaired() -> list[Scenario]:
    """Dunnett's test, with more runs of the baseline."""
    return [
        Scenario(
            f"own seeds: {name}",
            partial(unpaired, cell, BASELINE_RUNS),
            partial(_claims, UNPAIRED, name, name == "normal"),
            1.0 if name == "normal" else 0.25,
        )
        for name, cell in OWN_SEEDS.items()
    ]


def _claims(section: str, name: str, exact: bool, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Family-wise error and simultaneous coverage; two-sided where the test is exact."""
    three = three_se(ALPHA, studies)
    false = (ALPHA - three, ALPHA + three) if exact else (-inf, inf)
    covered = (1 - false[1], 1 - false[0])
    lasting = proportion(counts["lasting"], studies)
    return [
        Gate(section, f"{name}; nothing differs", "any claim", *proportion(counts["claim"], studies), *false),
        Gate(section, f"{name}; nothing differs", "any claim that is not fragile", *lasting, high=LIMIT),
        Gate(
            section,
            f"{name}; random effects",
            "all intervals",
            *proportion(counts["covered"], studies),
            *covered,
        ),
    ]


def _looks() -> list[Scenario]:
    """One comparison, and five; nothing differs, or every arm gains 1.3 SDs."""
    cases: list[tuple[int, float, Kind, float]] = [
        (1, 0.0, "normal", 1.0),
        (1, 1.3, "normal", 0.25),
        (1, 0.0, "t3", 1.0),
        (5, 0.0, "normal", 0.1),  # a third of a second per study: every look has a level of its own
        (5, 0.0, "t3", 0.1),
    ]
    return [
        Scenario(
            f"looks: {k} arm(s), {effect:g} SDs, {noise} noise",
            partial(looks, Cell(k=k, n=LOOKS[-1], noise=noise), effect),
            partial(_looking, k, effect, noise),
            share,
        )
        for k, effect, noise, share in cases
    ]


def _looking(k: int, effect: float, noise: str, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Error at all looks together; stopping for futility makes it smaller, so it is one-sided."""
    planted = f"{k} arm{'s' * (k > 1)}, {noise} noise, " + (
        f"each gains {effect:g} SDs" if effect else "nothing differs"
    )
    seeds = Gate(LOOKING, planted, "seeds used, mean", counts["seeds"] / studies, 0.0)
    if effect:
        return [Gate(LOOKING, planted, "share found", *proportion(counts["found"], studies)), seeds]
    high = ALPHA + three_se(ALPHA, studies) if noise == "normal" else inf
    lasting = proportion(counts["lasting"], studies)
    return [
        Gate(LOOKING, planted, "any claim", *proportion(counts["claim"], studies), high=high),
        Gate(LOOKING, planted, "any claim that is not fragile", *lasting, high=LIMIT),
        seeds,
    ]


def _time() -> list[Scenario]:
    """Interleaved laps; a time verdict has no fragile flag, so all its claims are held to the limit."""

    def gates(counts: Mapping[str, float], studies: int) -> list[Gate]:
        false = proportion(counts["claim"], studies)
        return [
            Gate(TIME, "random order within rounds, SD .4 %", "any “faster” or “slower”", *false, high=LIMIT)
        ]

    return [Scenario("time: 5 arms, 6 rounds", partial(time, 5, 6), gates)]


def _images() -> list[Scenario]:
    """Much and little real variation between seeds, few and many of them."""
    return [
        Scenario(
            f"images: SD {sd:g}, {seeds} seeds",
            partial(crossed, sd, seeds, 1000),
            partial(_new_images, f"SD of the whole distribution {sd:g} points, {seeds} seeds, 1000 images"),
            0.2,
        )
        for sd in (0.03, 0.5)
        for seeds in (5, 30)
    ]


def _new_images(planted: str, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Coverage of the population's effect; the crossed interval is conservative, so it is one-sided."""
    low = 1 - ALPHA - three_se(ALPHA, studies)
    return [
        Gate(IMAGES, planted, "crossed interval", *proportion(counts["covered"], studies), low=low),
        Gate(IMAGES, planted, "interval from seeds alone", *proportion(counts["seeds only"], studies)),
    ]


def _prices() -> list[Scenario]:
    """Differences and equivalence, from five seeds."""
    return [
        Scenario(
            f"price: {k} arms, effect {effect:g}, margin {margin:g}",
            partial(priced, k, 5, effect, margin),
            partial(_price, k, effect, margin),
            0.5,
        )
        for k in (1, 5, 10)
        for effect, margin in ((0.75, 0.25), (0.0, 1.0))
    ]


def _price(k: int, effect: float, margin: float, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Power at the price."""
    seeds = counts["seeds"] / studies
    planted = f"{k} arm{'s' * (k > 1)}, true effect {effect:g} SDs, margin {margin:g} SDs: {seeds:.0f} seeds"
    settled = proportion(counts["settled"], studies)
    return [Gate(PRICE, planted, "share settled", *settled, 0.8 - TOLERANCE, 0.8 + TOLERANCE)]


def _stages() -> list[Scenario]:
    """The two-stage design and the single stages that it is compared with."""
    screen, keep, confirm = DESIGN
    words = f"{screen} seeds, the best {keep} of {ARMS} on {confirm} fresh seeds"
    return [
        Scenario(
            f"two stages: {words}",
            partial(two_stage, *DESIGN, EFFECT),
            partial(_two, words),
            0.5,
            STAGE_SOURCES,
        ),
        Scenario(
            f"two stages, nothing differs: {words}",
            partial(two_stage, *DESIGN, 0.0),
            partial(_two_null, words, keep, confirm),
            0.5,
            STAGE_SOURCES,
        ),
        Scenario(
            "one stage: 12 seeds", partial(one_stage, ONE_STAGE - 1), partial(_one, ONE_STAGE - 1), 0.25
        ),
        Scenario("one stage: 13 seeds", partial(one_stage, ONE_STAGE), partial(_one, ONE_STAGE), 0.25),
    ]


def _two(words: str, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Power, error, bias of the confirmed estimate, and runs against one stage of the same power."""
    runs, single = counts["runs"] / studies, float(ONE_STAGE * (ARMS + 1))
    bias = counts["error"] / studies
    se = sqrt(max(counts["squared error"] / studies - bias**2, 0.0) / studies)
    high = ALPHA + three_se(ALPHA, studies)
    saved = f"runs saved: {runs:.0f} against {single:.0f} of one stage of {ONE_STAGE} seeds"
    screened = counts["screening error"] / studies
    return [
        Gate(STAGES, words, "share found", *proportion(counts["found"], studies), low=POWER),
        Gate(STAGES, words, "share found, not fragile", *proportion(counts["found lasting"], studies)),
        Gate(STAGES, words, "any false claim", *proportion(counts["false"], studies), high=high),
        Gate(STAGES, words, "bias of the best screened arm when confirmed, SDs", bias, se, -3 * se, 3 * se),
        Gate(STAGES, words, "its bias in screening, SDs", screened, se),
        Gate(STAGES, words, saved, 1 - runs / single, 0.0, low=SAVING),
    ]


def _two_null(words: str, keep: int, confirm: int, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Error when no arm does anything: the short-list is of null arms, on fresh seeds."""
    false, planted = proportion(counts["false"], studies), f"{words}; nothing differs"
    return [Gate(STAGES, planted, "any claim", *false, *error_band(Cell(k=keep, n=confirm), studies))]


def _one(n: int, counts: Mapping[str, float], studies: int) -> list[Gate]:
    """Power of a single stage; one seed fewer than that of the comparison is not enough."""
    planted, high = f"all {ARMS} arms, {n} seeds, {n * (ARMS + 1)} runs", POWER if n < ONE_STAGE else inf
    return [
        Gate(STAGES, planted, "share found", *proportion(counts["found"], studies), high=high),
        Gate(STAGES, planted, "share found, not fragile", *proportion(counts["found lasting"], studies)),
    ]
