"""What the analysis says: plain words for error rates, fragile claims, scopes, time, prices and what is not claimed."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats as st
from study_records import IDS, IMAGES, by_name, by_seed, complete, conduct, finish, freeze, plan_of

from trickbag import stats
from trickbag.analyze import analyze_study
from trickbag.analyze.words import part_of
from trickbag.errors import InputError
from trickbag.records.bits import read_bits, write_bits
from trickbag.records.chain import read_plan
from trickbag.records.result import Results
from trickbag.records.timing import Lap, Startup, TimingFile, write_timing

BASE = [900, 903, 897, 901, 899]
GAINS = [21, 19, 20, 22, 18]  # 2.0 points on average


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.019, ""), (0.02, "one error in 50"), (0.125, "one error in eight"), (1 / 3, "one error in three"),
     (0.5, "one error in two"), (0.65, "two in three errors"), (0.76, "three in four errors"),
     (0.9, "nine in ten errors")],
)  # fmt: skip
def test_a_share_of_the_errors_is_said_as_people_say_it(share: float, said: str) -> None:
    assert part_of(share) == said


def raised(folder: Path, seeds: int = 5) -> Results:
    pairs = list(zip(BASE, GAINS, strict=True))[:seeds]
    return conduct(folder, {"baseline": [b for b, _ in pairs], "up": [b + g for b, g in pairs],
                            "down": [b - g for b, g in pairs]})  # fmt: skip


def test_the_sentence_tells_effect_errors_and_new_images(tmp_path: Path) -> None:
    """Errors fall from 10 % to 8 %: one in five; the interval of the change is scipy's paired t of log errors.

    The crossed interval is STATISTICS' formula, worked again here from the stored bits.
    """
    results = raised(tmp_path / "s")
    up = by_name(results)["up"]
    assert up.sentence.startswith("up raises accuracy over baseline by +2.00 points (95 % interval +")
    assert "about one error in five fewer" in up.sentence
    assert up.relative_error is not None
    ours, theirs = (np.array(BASE) + GAINS) / 10, np.array(BASE) / 10
    ratios = np.log((100 - ours) / (100 - theirs))
    assert up.relative_error.effect == pytest.approx(100 * np.expm1(ratios.mean()))
    assert up.relative_error.low < up.relative_error.effect < up.relative_error.high < 0
    assert up.new_images is not None
    assert up.accuracy is not None
    assert (
        f"For new images like these the simultaneous interval is {up.new_images.low:+.2f}".replace("-", "−")
        in up.sentence
    )
    arm, base = (np.array([read_bits(tmp_path / "s" / "runs" / f"{n}-s{s}" / "correct.npz")[1] for s in range(1, 6)])
                 for n in ("up-f1", "baseline-f0"))  # fmt: skip
    d = 100 * (arm.astype(float) - base)
    ds, di, g = d.mean(1), d.mean(0), d.mean()
    vs, vi = ds.var(ddof=1) / 5, di.var(ddof=1) / 1000
    ve = ((d - ds[:, None] - di + g) ** 2).sum() / (4 * 999) / 5000
    v = max(vs + vi - ve, vs, vi)
    df = v**2 / (vs**2 / 4 + vi**2 / 999)
    # two comparisons: the family's level is the one that makes the seed interval as wide as it is
    se = np.std(np.array(GAINS) / 10, ddof=1) / np.sqrt(5)
    alpha = 2 * st.t.sf((up.accuracy.high - 2.0) / se, 4)
    half = st.t.isf(alpha / 2, df) * np.sqrt(v)
    assert (up.new_images.low, up.new_images.high) == pytest.approx((2.0 - half, 2.0 + half), rel=1e-4)


def test_the_bottom_line_answers_first(tmp_path: Path) -> None:
    results = raised(tmp_path / "s")
    assert results.bottom_line.startswith(
        "Of 2 comparisons (margin 0.5 points), 1 raises accuracy, 1 lowers accuracy. The largest gain is up: +2.00 "
    )
    assert results.bottom_line.endswith("Hurts: down (−2.00).")
    assert "training time, since no timing session was run" in results.not_claimed
    assert "nothing was tuned: T0" in results.not_claimed
    assert "other networks and data sets" in results.not_claimed


def test_fragile_claims_are_no_gains(tmp_path: Path) -> None:
    """Two seeds: claims there may be, but always fragile ones."""
    hits = {"baseline": [900, 901], **{name: [930 + i, 931 + i] for i, name in enumerate("abcd")}}
    results = conduct(tmp_path / "s", hits)
    claimed = [arm for arm in results.arms if arm.verdict != "undecided"]
    assert claimed
    assert all(arm.fragile for arm in claimed)
    assert "gain is" not in results.bottom_line
    assert f"{len(claimed)} fragile and not counted as claims" in results.bottom_line
    assert all("seems to raise" in arm.sentence and "Fragile" in arm.sentence for arm in claimed)


def test_nothing_is_surer_about_new_images_than_about_these(tmp_path: Path) -> None:
    """Four seeds that agree on which images are right: crossed with 1,000 images, Satterthwaite's degrees of
    freedom exceed the seeds' three, and the crossed interval alone would be the narrower one."""
    folder, hits = tmp_path / "s", {"baseline": [300, 320, 310, 330], "arm": [520, 560, 480, 560]}
    conduct(folder, hits)
    bits = {name: np.arange(IMAGES) < np.array(right)[:, None] for name, right in hits.items()}
    for i, name in enumerate(hits):
        for seed, row in enumerate(bits[name], 1):
            write_bits(folder / "runs" / f"{name}-f{i}-s{seed}" / "correct.npz", IDS, row, row)
    arm = by_name(analyze_study(folder))["arm"]
    crossed = stats.crossed_interval(bits["arm"], bits["baseline"])
    assert arm.new_images is not None
    assert arm.accuracy is not None
    assert arm.accuracy.low < crossed.low < crossed.high < arm.accuracy.high
    assert (arm.new_images.low, arm.new_images.high) == (arm.accuracy.low, arm.accuracy.high)


def test_undecided_carries_a_price(tmp_path: Path) -> None:
    results = conduct(tmp_path / "s", {"baseline": BASE, "arm": [915, 895, 911, 890, 909]})
    arm = by_name(results)["arm"]
    assert arm.verdict == "undecided"
    assert "is not settled with 5 seeds" in arm.sentence
    assert "more seeds (" in arm.sentence
    assert "1 is undecided" in results.bottom_line


def test_diverged_runs_and_odd_seeds_are_shown(tmp_path: Path) -> None:
    """3 of 6 runs diverged against none: Barnard's exact test as scipy gives it. Seed 3 lies 8 points off."""
    plan = freeze(tmp_path / "s", plan_of(["wild", "odd"], 6))
    for run in plan.runs:
        status = "diverged" if run.arm == "wild" and run.seed > 3 else "done"
        off = -80 if (run.arm, run.seed) == ("odd", 3) else 0
        finish(tmp_path / "s", run, 900 + run.seed + off + (run.seed % 2 if run.arm == "odd" else 0),
               np.random.default_rng(run.seed), status)  # fmt: skip
    found = by_name(analyze_study(tmp_path / "s"))
    wild, odd = found["wild"].spread, found["odd"].spread
    assert wild is not None
    assert odd is not None
    assert wild.diverged_p == pytest.approx(st.barnard_exact([[3, 0], [3, 6]]).pvalue)
    assert (odd.outlying_seeds, odd.diverged_p) == ((3,), None)
    sds = [np.std([900 + s + o for s, o in zip(range(1, 7), offsets, strict=True)], ddof=1)
           for offsets in ((1, 0, -79, 0, 1, 0), (0,) * 6)]  # fmt: skip
    assert odd.sd_ratio == pytest.approx(sds[0] / sds[1])
    assert "3 of 6 runs diverged" in found["wild"].sentence


def test_faster_with_accuracy_kept_is_one_claim(tmp_path: Path) -> None:
    """`same` takes 30 % less time a round, give or take 1 %, at an accuracy well inside the margin; `worse` too,
    but loses two points: faster, and not kept."""
    folder = tmp_path / "s"
    plan = freeze(folder, plan_of(["same", "worse"], 5))
    hits = {"baseline": BASE, "same": [b + d for b, d in zip(BASE, (1, -1, 0, 1, -1), strict=True)],
            "worse": [b - g for b, g in zip(BASE, GAINS, strict=True)]}  # fmt: skip
    complete(folder, plan, {("w", name): by_seed(right) for name, right in hits.items()})
    pace = {"baseline": 1.0, "same": 0.7, "worse": 0.7}
    laps = tuple(Lap(round=r, workload="w", arm=n, steps=10, seconds=p * (1 + 0.01 * ((r + i) % 3)))
                 for r in range(6) for i, (n, p) in enumerate(pace.items()))  # fmt: skip
    startups = tuple(Startup(workload="w", arm=n, fingerprint=f"f{i}", seconds=2, total_steps=100)
                     for i, n in enumerate(pace))  # fmt: skip
    hashed = read_plan(folder).entries[0].hash
    write_timing(folder, TimingFile(plan_hash=hashed, rounds=6, laps=laps, startups=startups, other_load=0.0,
                                    machine={}, provenance={}))  # fmt: skip
    results = analyze_study(folder)
    same, worse = (by_name(results)[name] for name in ("same", "worse"))
    assert (same.time_verdict, same.faster_and_kept) == ("faster", True)
    assert (worse.time_verdict, worse.faster_and_kept) == ("faster", False)
    assert "Faster, accuracy kept: same (30 % less time)." in results.bottom_line
    assert "It trains in 30.0 % less time" in same.sentence
    assert "accuracy kept within the margin" in same.sentence
    assert "accuracy kept" not in worse.sentence
    assert "training time" not in results.not_claimed
    assert results.timing is not None
    assert [point.measured for point in results.costs] == [True] * 3
    assert same.to_target is not None


def test_a_session_of_another_plan_is_refused(tmp_path: Path) -> None:
    raised(tmp_path / "s")
    write_timing(tmp_path / "s", TimingFile(plan_hash="0", rounds=0, laps=(), startups=(), other_load=0.0,
                                            machine={}, provenance={}))  # fmt: skip
    with pytest.raises(InputError, match="another plan"):
        analyze_study(tmp_path / "s")


def test_noise_names_the_smallest_and_largest_sd(tmp_path: Path) -> None:
    """SDs by numpy, Brown and Forsythe's test by scipy; `wide` scatters ten times as much."""
    hits = {"baseline": BASE, "same": BASE[::-1], "wide": [880, 930, 870, 910, 905]}
    noise = conduct(tmp_path / "s", hits).noise[0]
    rows = [np.array(row) / 10 for row in hits.values()]
    assert noise.smallest_sd == pytest.approx(rows[0].std(ddof=1))
    assert noise.largest_sd == pytest.approx(rows[2].std(ddof=1))
    assert noise.equal_sd_p == pytest.approx(st.levene(*rows, center="median").pvalue)
