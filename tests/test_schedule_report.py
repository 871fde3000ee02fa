"""The learning rates in results and on the page: which arms are drawn, and when the page says nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from report_page import ATTACK, Page, hostile
from report_studies import digits
from study_records import complete, freeze, plan_of

from trickbag.analyze import analyze_study
from trickbag.records.files import write_record
from trickbag.records.progress import EpochRow
from trickbag.records.result import Results
from trickbag.records.run import read_run
from trickbag.report import wording
from trickbag.report.charts.rates import schedules
from trickbag.report.groups import groups
from trickbag.report.html import render_html

FALLING, STEPPED = (0.08, 0.04, 0.01), (0.1, 0.01, 0.001)


def scheduled(changed: int = 2) -> Results:
    """The digits study with rates in it; its first `changed` arms have another schedule, both the same."""
    base = digits()
    other = {"optimizer.lr": (0.1, 0.2)}
    arms = [arm.model_copy(update={"rates": STEPPED, "diff": other}) for arm in base.arms]
    diff = {"schedule.name": ("step", "linear")}
    for i in range(changed):
        arms[i] = arms[i].model_copy(update={"rates": FALLING, "diff": diff})
    baseline = base.baseline.model_copy(update={"rates": STEPPED})
    return base.model_copy(update={"arms": tuple(arms), "baseline": baseline, "baselines": (baseline,)})


def test_rates_are_means_over_the_runs_that_are_done(tmp_path: Path) -> None:
    """By hand: two seeds, of which one lowered its rate an epoch earlier."""
    plan = freeze(tmp_path / "s", plan_of(["a"], 2))
    complete(tmp_path / "s", plan, {("w", name): {1: 900, 2: 910} for name in ("baseline", "a")})
    for run in plan.runs:
        place = tmp_path / "s" / "runs" / run.id
        record = read_run(place)
        assert record is not None
        lrs = (0.1, 0.1, 0.01) if run.seed == 1 else (0.1, 0.01, 0.01)
        rows = [
            EpochRow(epoch=i + 1, step=i, loss=1.0, lr=lr, images_per_second=9.0) for i, lr in enumerate(lrs)
        ]
        write_record(place / "run.json", record.model_copy(update={"epochs": tuple(rows)}))
    results = analyze_study(tmp_path / "s")
    assert results.arms[0].rates == pytest.approx((0.1, 0.055, 0.01))
    assert results.baseline.rates == pytest.approx((0.1, 0.055, 0.01))


def test_arms_with_the_same_rates_share_a_panel() -> None:
    results = scheduled()
    (group,) = groups(results)
    first, second = schedules(group)
    assert (first.rates, second.rates) == (STEPPED, FALLING)
    assert first.names[0] == "baseline"
    assert set(second.names) == {arm.name for arm in results.arms[:2]}
    page = render_html(results)
    section = page[page.index('<section id="schedules">') :].partition("</section>")[0]
    assert section.count("<svg") == 2
    assert (
        ", ".join(second.names)
        in Page(section.partition('<div class="curves">')[2].rpartition("</div>")[0]).text
    )


@pytest.mark.parametrize("results", [scheduled(0), digits()], ids=["one schedule", "no rates"])
def test_where_no_arm_changes_the_schedule_the_page_says_nothing(results: Results) -> None:
    assert 'id="schedules"' not in render_html(results)


def test_hostile_names_stay_text_in_the_panels() -> None:
    results = hostile(scheduled())
    arms = tuple(
        arm.model_copy(update={"diff": {"schedule.name": ("a", "b")}}) for arm in results.arms
    )  # hostile paths change no schedule
    page = render_html(results.model_copy(update={"arms": arms}))
    assert 'id="schedules"' in page
    assert "script" not in Page(page).tags
    assert ATTACK not in page


def test_without_chart_packages_the_section_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)  # makes `import vl_convert` raise ImportError
    page = render_html(scheduled())
    assert wording.CHARTS_MISSING in page[page.index('<section id="schedules">') :].partition("</section>")[0]


def test_a_rate_of_zero_throughout_can_be_drawn() -> None:
    results = scheduled()
    still = results.arms[0].model_copy(update={"rates": (0.0, 0.0, 0.0)})
    frozen = results.baseline.model_copy(update={"rates": tuple(np.zeros(3).tolist())})
    page = render_html(
        results.model_copy(update={"arms": (still, *results.arms[1:]), "baselines": (frozen,)})
    )
    assert 'id="schedules"' in page
