"""The stages of a study: which there are, with which seeds, and what does not go together."""

from collections.abc import Sequence

from trickbag import stats
from trickbag.errors import InputError
from trickbag.records.plan import Comparison, Judgement, Rule
from trickbag.study.schema import Study

SCREEN_SEEDS, TUNE_SEEDS = 1001, 2001  # the first of each; judging has the study's own, which may not collide
ATTRIBUTION = ("full_factorial", "fractional_factorial", "shapley")  # designs judged by sums over many arms
DUNNETT = "Dunnett's many-to-one comparisons, every arm with seeds of its own, the baseline √k times as many"


def stages(study: Study) -> tuple[Rule, ...]:
    """The stages after the teachers', in order; InputError where they do not fit the study."""
    check_company(study)
    found = []
    if study.tune:
        found.append(Rule(phase="tune", seeds=_range(TUNE_SEEDS, study.tune.seeds)))
    if study.screen:
        found.append(Rule(phase="screen", seeds=_range(SCREEN_SEEDS, study.screen.seeds)))
    keep = study.screen.keep if study.screen else None
    found.append(Rule(phase="confirm", seeds=study.seed_list, keep=keep, looks=study.looks))
    check_seeds(study, found)
    return tuple(found)


def judgement(study: Study) -> Judgement:
    """The test that will judge the confirming runs."""
    plain = Judgement(margin=study.margin, time_margin=study.time_margin, pairing=study.pairing)
    method = DUNNETT if study.pairing == "none" else plain.method
    levels = stats.look_levels(study.looks, plain.level) if study.looks else ()
    if study.looks:
        method += ", at interim looks (O'Brien-Fleming spending)"
    return plain.model_copy(update={"method": method, "looks": study.looks, "look_levels": levels})


def check_company(study: Study) -> None:
    """Refuse what does not go together, in one line that says what would."""
    against_baseline = study.compare in (None, "baseline")
    if study.screen and not (
        study.design == "one_at_a_time" and (against_baseline or isinstance(study.compare, tuple))
    ):
        raise InputError(
            f"screen: a {study.design} design needs all of its arms, so none can be dropped; screen a "
            "one_at_a_time design compared with the baseline or in pairs, or leave screen out"
        )
    if study.looks and study.design in ATTRIBUTION:
        raise InputError(
            f"looks: the contrasts of a {study.design} design need all arms to the end; leave looks out"
        )
    if study.looks and (study.design == "leave_one_out" or study.compare in ("all_pairs", "stack")):
        what = "leave_one_out" if study.design == "leave_one_out" else f"compare: {study.compare}"
        raise InputError(
            f"looks: they stop a comparison whose estimate is below zero, and with {what} a negative difference "
            "can be the finding; leave looks out, or name pairs of a one_at_a_time design as [arm, comparison], "
            "read as: is the first better"
        )
    if study.looks and study.looks[-1] != len(study.seed_list):
        raise InputError(
            f"looks: the last look is at {study.looks[-1]} seeds, but there are {len(study.seed_list)}; make them equal"
        )
    if study.pairing == "none":
        _check_unpaired(study, against_baseline)


def _check_unpaired(study: Study, against_baseline: bool) -> None:
    """Arms with seeds of their own: one stage, one comparison for all."""
    extras = {"tune": study.tune, "screen": study.screen, "looks": study.looks, "durations": study.durations}
    if extra := next((name for name, value in extras.items() if value), None):
        raise InputError(
            f"pairing: none does not go with {extra}; leave {extra} out, or share seeds (pairing: seeds)"
        )
    if study.design != "one_at_a_time" or not against_baseline:
        raise InputError(
            "pairing: none compares every arm of a one_at_a_time design with the baseline and nothing else; "
            "share seeds (pairing: seeds)"
        )
    if not isinstance(study.seeds, int):
        raise InputError("seeds: with pairing: none every arm has seeds of its own; say how many, not which")


def check_seeds(study: Study, rules: Sequence[Rule]) -> None:
    """Runs that choose and runs that judge never share a seed."""
    for rule in rules:
        both = sorted(set(rule.seeds) & set(study.seed_list)) if rule.phase != "confirm" else []
        if both:
            raise InputError(
                f"seeds: {both[0]} is one of the seeds {rule.seeds[0]} to {rule.seeds[-1]} that {rule.phase} takes; "
                "what chooses arms may not judge them: choose others"
            )


def check_keep(rules: Sequence[Rule], comparisons: Sequence[Comparison]) -> None:
    """Refuse a screening that lets everybody through."""
    keep, arms = rules[-1].keep, len({pair.arm for pair in comparisons})
    if keep is not None and keep >= arms:
        raise InputError(
            f"screen.keep: {keep} of {arms} arms would go on, so screening chooses nothing; keep fewer, or leave "
            "screen out"
        )


def _range(first: int, count: int) -> tuple[int, ...]:
    """So many seeds from `first` on."""
    return tuple(range(first, first + count))
