"""The analysis on records written by hand: hand-worked verdicts, partial studies, damage, and a null study's errors."""

from pathlib import Path

import numpy as np
import pytest

from trickbag.analyze import analyze
from trickbag.errors import InputError
from trickbag.records.plan import Arm, Comparison, Judgement, Phase, Plan, PlannedRun, Workload, write_plan
from trickbag.records.result import ArmResult, Results, read_results
from trickbag.records.run import RunRecord, Timings, write_bits, write_run

IMAGES = 1000
IDS = np.arange(IMAGES)


def make_plan(folder: Path, arms: list[str], seeds: int, margin: float) -> Plan:
    """A plan as `study` would write it, with made-up fingerprints."""
    recipe = {"data": {"name": "d"}, "model": {"name": "m"}, "budget": {"epochs": 1}}
    named = ["baseline", *arms]
    plan = Plan(
        study={"name": "s", "question": "?"},
        workloads=(Workload(name="w", data_digest="x", classes=("a", "b"), train_images=9, test_images=0,
                            validation_ids=tuple(IDS.tolist())),),
        arms=tuple(Arm(name=n, workload="w", tricks=(), fingerprint=f"f{i}", recipe=recipe, diff={})
                   for i, n in enumerate(named)),
        comparisons=tuple(Comparison(workload="w", arm=n, comparison="baseline") for n in arms),
        phases=(Phase(name="confirm", runs=tuple(
            PlannedRun(id=f"{n}-f{i}-s{seed}", workload="w", arm=n, fingerprint=f"f{i}", seed=seed)
            for seed in range(1, seeds + 1) for i, n in enumerate(named))),),
        judgement=Judgement(margin=margin),
        machine={"device": "cpu", "threads": 1, "torch": "0"},
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    write_plan(folder, plan)
    return plan


def finish(folder: Path, run: PlannedRun, hits: int, rng: np.random.Generator, status: str = "done") -> None:
    """Leave what a finished run leaves, with so many images right."""
    place = folder / "runs" / run.id
    place.mkdir(parents=True)
    bits = np.zeros(IMAGES, bool)
    bits[rng.permutation(IMAGES)[:hits]] = True
    if status == "done":
        write_bits(place / "correct.npz", IDS, bits, bits)
    timings = Timings(train_seconds=10, train_steps=10, startup_seconds=1, evaluate_seconds=1)
    record = {
        **run.model_dump(exclude={"needs"}),
        "status": status,
        "recipe": {},
        "machine": {},
        "provenance": {},
    }
    score = hits / 10 if status == "done" else None
    write_run(place, RunRecord.model_validate({**record, "top1": score, "top5": score, "timings": timings}))


def conduct(folder: Path, hits: dict[str, list[int]], margin: float = 0.5) -> Results:
    """A study in which arm `n` has so many of 1,000 images right at seed 1, 2, …"""
    seeds = len(hits["baseline"])
    plan = make_plan(folder, [name for name in hits if name != "baseline"], seeds, margin)
    rng = np.random.default_rng(0)
    for run in plan.runs:
        finish(folder, run, hits[run.arm][run.seed - 1], rng)
    return analyze(folder)


def by_name(results: Results) -> dict[str, ArmResult]:
    return {arm.name: arm for arm in results.arms}


def test_one_comparison_is_the_paired_t_test_by_hand(tmp_path: Path) -> None:
    """d = 2.0, 1.0, 3.0, 2.0 points: mean 2, SD sqrt(2/3), se .4082; t(3, .975) = 3.1824: 2 ± 1.2993."""
    results = conduct(tmp_path / "s", {"baseline": [900, 902, 898, 900], "arm": [920, 912, 928, 920]})
    arm = by_name(results)["arm"]
    assert arm.accuracy is not None
    assert arm.accuracy.effect == pytest.approx(2.0)
    assert (arm.accuracy.low, arm.accuracy.high) == pytest.approx((2 - 1.2993, 2 + 1.2993), abs=1e-3)
    assert arm.verdict == "better"
    assert arm.mean == pytest.approx(92.0)
    assert arm.accuracy_by_seed == pytest.approx({1: 92.0, 2: 91.2, 3: 92.8, 4: 92.0})
    assert results.baseline.mean == pytest.approx(90.0)
    assert read_results(tmp_path / "s") == results


def test_verdicts_of_clear_cases(tmp_path: Path) -> None:
    base = [900, 904, 896, 902, 898, 901]
    hits = {
        "baseline": base,
        "up": [b + 30 + i for b, i in zip(base, (0, 1, -1, 0, 1, -1), strict=True)],
        "down": [b - 30 + i for b, i in zip(base, (1, 0, -1, 1, 0, -1), strict=True)],
        "same": [b + i for b, i in zip(base, (1, -1, 0, 1, -1, 0), strict=True)],
        "slight": [b + 3 + i for b, i in zip(base, (0, 1, -1, 1, 0, -1), strict=True)],
        "noisy": [b + i for b, i in zip(base, (20, -15, 9, -12, 16, -8), strict=True)],
    }
    found = by_name(conduct(tmp_path / "s", hits))
    verdicts = {name: arm.verdict for name, arm in found.items()}
    assert verdicts == {
        "up": "better", "down": "worse", "same": "equivalent", "slight": "better but small", "noisy": "undecided",
    }  # fmt: skip
    assert found["noisy"].price is not None
    assert found["noisy"].price.more_runs == 2 * ((found["noisy"].price.seeds or 0) - 6)
    assert "raises accuracy" in found["up"].sentence
    assert found["up"].time_verdict == "not measured"
    assert found["up"].indicative_time_ratio == pytest.approx(1.0)


def test_partial_and_broken_studies_are_analysed_as_far_as_they_go(tmp_path: Path) -> None:
    """One arm lost a seed to divergence, one was never run, one failed everywhere."""
    folder, rng = tmp_path / "s", np.random.default_rng(0)
    plan = make_plan(folder, ["lost", "waiting", "broken"], 4, 1.0)
    for run in plan.runs:
        if run.arm == "waiting":
            continue
        status = (
            "failed" if run.arm == "broken" else "diverged" if (run.arm, run.seed) == ("lost", 2) else "done"
        )
        finish(folder, run, 900 + 3 * run.seed + (run.arm == "lost") * 20, rng, status)
    results = analyze(folder)
    found = by_name(results)
    assert (found["lost"].diverged, found["lost"].paired_seeds) == (1, 3)
    assert (found["waiting"].verdict, found["waiting"].unfinished) == ("not analysed", 4)
    assert (found["broken"].verdict, found["broken"].failed) == ("not analysed", {"failed": 4})
    assert (results.runs_planned, results.runs_done) == (16, 12)


def test_nothing_finished_yet(tmp_path: Path) -> None:
    make_plan(tmp_path / "s", ["arm"], 3, 1.0)
    results = analyze(tmp_path / "s")
    assert results.bottom_line.startswith("No verdict yet")
    assert results.baseline.mean is None


def test_missing_or_foreign_bits_are_named(tmp_path: Path) -> None:
    conduct(tmp_path / "s", {"baseline": [900, 901, 902], "arm": [900, 905, 903]})
    bits = tmp_path / "s" / "runs" / "arm-f1-s2" / "correct.npz"
    write_bits(bits, IDS[::-1].copy(), np.ones(IMAGES, bool), np.ones(IMAGES, bool))
    with pytest.raises(InputError, match="not of the planned validation images"):
        analyze(tmp_path / "s")
    bits.unlink()
    with pytest.raises(InputError, match=r"correct.npz: the bits of this run cannot be read"):
        analyze(tmp_path / "s")


def test_a_run_of_another_plan_is_refused(tmp_path: Path) -> None:
    conduct(tmp_path / "s", {"baseline": [900, 901, 902], "arm": [900, 905, 903]})
    path = tmp_path / "s" / "runs" / "arm-f1-s2" / "run.json"
    path.write_text(path.read_text().replace('"fingerprint": "f1"', '"fingerprint": "f9"'))
    with pytest.raises(InputError, match="a run of another plan"):
        analyze(tmp_path / "s")


def test_results_follow_from_the_table_alone(tmp_path: Path) -> None:
    """Effects computed again from results.csv with numpy."""
    results = conduct(tmp_path / "s", {"baseline": [900, 907, 893, 901], "arm": [912, 905, 899, 920]})
    rows = [line.split(",") for line in (tmp_path / "s" / "results.csv").read_text().splitlines()]
    columns = {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}
    table = {
        (a, s): float(v) for a, s, v in zip(columns["arm"], columns["seed"], columns["top1"], strict=True)
    }
    effect = np.mean([table["arm", s] - table["baseline", s] for s in "1234"])
    arm = by_name(results)["arm"]
    assert arm.accuracy is not None
    assert arm.accuracy.effect == pytest.approx(effect, abs=1e-12)


def test_an_arm_with_two_names_is_counted_once(tmp_path: Path) -> None:
    """The second name has no runs of its own, gets the same numbers and names its twin."""
    folder, rng = tmp_path / "s", np.random.default_rng(0)
    plan = make_plan(tmp_path / "first", ["arm"], 3, 1.0)
    twin = plan.arms[1].model_copy(update={"name": "twin"})
    pair = Comparison(workload="w", arm="twin", comparison="baseline")
    plan = plan.model_copy(update={"arms": (*plan.arms, twin), "comparisons": (*plan.comparisons, pair)})
    folder.mkdir()
    write_plan(folder, plan)
    for run in plan.runs:
        finish(folder, run, 900 + run.seed * (3 if run.arm == "arm" else 1), rng)
    found = by_name(analyze(folder))
    assert found["twin"].accuracy_by_seed == found["arm"].accuracy_by_seed
    assert (found["twin"].aliases, found["twin"].phase) == (("arm",), "confirm")
    assert len((folder / "results.csv").read_text().splitlines()) == 1 + 6


def test_null_studies_claim_at_the_nominal_rate(tmp_path: Path) -> None:
    """120 studies of 8 arms that differ by nothing, seeds correlated, through the whole stage.

    A false claim in at most 5 % of studies: under 12 of 120 with probability .98 (binomial).
    """
    rng = np.random.default_rng(7)
    claims = 0
    for i in range(120):
        seed_effect = rng.normal(0, 3, 5)
        hits = {
            name: np.round(900 + seed_effect + rng.normal(0, 4, 5)).astype(int).tolist()
            for name in ["baseline", *"abcdefgh"]
        }
        results = conduct(tmp_path / str(i), hits)
        claims += any(arm.verdict in ("better", "better but small", "worse") for arm in results.arms)
    assert claims <= 11
