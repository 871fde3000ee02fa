"""Seeds added after results could be seen: what a claim must survive, by simulation and through the files."""

from pathlib import Path

import numpy as np
import pytest
from study_records import by_name, by_seed, complete, freeze, plan_of

from trickbag import stats
from trickbag.analyze import analyze_study
from trickbag.analyze.extended import extension_level, lost_by_extension
from trickbag.analyze.family import Sample, judge_family
from trickbag.records.plan import Comparison, Contrast, Judgement, Plan, PlannedRun
from trickbag.study import amendment
from trickbag.study.schema import Study
from trickbag.study.simulate import made_up_plan

STAGES = (5, 10, 20, 40, 80)


def robust_claims(accuracy: np.ndarray, stages: tuple[int, ...] = STAGES, **fields: str) -> list[bool]:
    """Whether a study [arms, seeds], the baseline first, claims anything that is not fragile, at each stage."""
    found = []
    for m, n in enumerate(stages):
        baseline, *arms = (dict(enumerate(row[:n].tolist())) for row in accuracy)
        samples = [
            Sample(Comparison(workload="w", arm=str(i), comparison="b"), arm, baseline)
            for i, arm in enumerate(arms)
        ]
        judgement = Judgement.model_validate({"margin": 0.01, "extensions": m, **fields})
        judged = judge_family(judgement, samples, 10_000).values()
        found.append(any(one.verdict != "undecided" and not one.fragile for one in judged))
    return found


def test_a_study_that_is_extended_again_and_again_keeps_its_error_rate() -> None:
    """Two arms without effect, 5 to 80 seeds in five stages, 300 studies: at most .06 and two standard errors.

    Without the stricter level .167 of these studies claim something that is not fragile.
    """
    rng, studies = np.random.default_rng(0), 300
    false = sum(any(robust_claims(rng.normal(90, 1, (3, STAGES[-1])))) for _ in range(studies)) / studies
    assert false <= 0.06 + 2 * np.sqrt(0.06 * 0.94 / studies)


@pytest.mark.parametrize("pairing", ["seeds", "none"])
def test_a_large_effect_is_claimed_all_the_same(pairing: str) -> None:
    """Three seed SDs: at 20 seeds, after two extensions, 6.7 standard errors; the critical t is below 4."""
    rng, shift = np.random.default_rng(1), np.array([[0.0], [3.0]])
    for _ in range(20):
        assert robust_claims(rng.normal(90, 1, (2, 20)) + shift, (5, 10, 20), pairing=pairing)[-1]


@pytest.mark.parametrize("pairing", ["seeds", "none"])
def test_what_only_the_first_level_shows_is_fragile(pairing: str) -> None:
    """An effect whose p lies between .005 and .05: claimed robustly at once, fragile after one extension."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (2, 10))
    noise -= noise.mean(1, keepdims=True)
    difference = noise[1] - noise[0]
    scale = difference.std(ddof=1) if pairing == "seeds" else noise.std(ddof=1) * np.sqrt(2)
    accuracy = 90 + noise + np.array([[0.0], [3.1 * scale / np.sqrt(10)]])  # t = 3.1: p = .013 (9 df)
    assert robust_claims(accuracy, (10,), pairing=pairing) == [True]
    assert robust_claims(accuracy, (10, 10), pairing=pairing) == [True, False]


def test_all_extensions_together_spend_a_hundredth() -> None:
    assert sum(1 - extension_level(m) for m in range(1, 60)) == pytest.approx(0.01)
    assert [extension_level(m) for m in (1, 2)] == pytest.approx([0.995, 0.9975])
    rows = [[0.1, -0.1, 0.2, 0.0]]
    assert not lost_by_extension(lambda level: stats.effects(rows, level), ["better"], 0.5, 0).any()
    assert lost_by_extension(lambda level: stats.effects(rows, level), ["better"], 0.5, 1).all()


def plan(**fields: object) -> Plan:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 5, "margin": 0.3}
    return made_up_plan(Study.model_validate({**plain, **fields}), "ab")


@pytest.mark.parametrize("pairing", ["seeds", "none"])
def test_seeds_that_are_added_after_results_are_counted(pairing: str) -> None:
    made = plan(pairing=pairing)
    first: PlannedRun = made.runs[0]
    early = made.extended(amendment(made, [], {"seeds": 7}))
    assert early.judgement.extensions == 0
    late = early.extended(amendment(early, [first.id], {"seeds": 9}))
    again = late.extended(amendment(late, [first.id], {"seeds": 11}))
    assert (late.judgement.extensions, again.judgement.extensions) == (1, 2)
    assert late.judgement == made.judgement.model_copy(update={"extensions": 1})


def test_screening_results_are_no_look_at_what_judges() -> None:
    made = plan(screen={"seeds": 2, "keep": 1})
    assert made.extended(amendment(made, [made.runs[0].id], {"seeds": 7})).judgement.extensions == 0


def test_a_study_says_what_the_extension_made_fragile(tmp_path: Path) -> None:
    """d = 1.2 points, SD 1.256 of ten seeds: t = 3.02, p = .0145, which is below .05 but not below .005."""
    noise = [15, -12, 8, -16, 11, -9, 14, -13, 10, -8]
    base = [900, 903, 897, 902, 898, 901, 899, 904, 896, 900]
    verdicts = {}
    for m in (0, 1):
        made = plan_of(["arm"], 10, margin=0.1)
        contrast = Contrast(
            workload="w", kind="main_effect", name="x", weights={"arm": 1.0, "baseline": -1.0}
        )
        judged = made.judgement.model_copy(update={"extensions": m})
        made = made.model_copy(update={"judgement": judged, "contrasts": (contrast,)})
        freeze(tmp_path / str(m), made)
        arm = [b + 12 + d for b, d in zip(base, noise, strict=True)]
        complete(tmp_path / str(m), made, {("w", "baseline"): by_seed(base), ("w", "arm"): by_seed(arm)})
        results = analyze_study(tmp_path / str(m))
        (part,) = results.attributions[0].parts
        verdicts[m] = by_name(results)["arm"], part
    assert [(arm.verdict, arm.fragile) for arm, _ in verdicts.values()] == [
        ("better", False),
        ("better", True),
    ]
    assert [(part.verdict, part.fragile) for _, part in verdicts.values()] == [
        ("better", False),
        ("better", True),
    ]
    assert "stricter level that added seeds" in verdicts[1][0].sentence
