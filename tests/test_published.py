"""Published accuracies beside ours: He et al. 2018 (arXiv 1812.01187), Table 5, ResNet-50 76.21, -B 76.66, -C 76.87."""

from pathlib import Path

import pytest
from report_studies import cumulative
from study_records import by_name, complete, freeze, plan_of

from trickbag.analyze import analyze_study
from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.records.result import Results
from trickbag.report.html import render_html
from trickbag.report.latex import render_latex
from trickbag.report.markdown import render_markdown
from trickbag.report.terminal import verdict_table
from trickbag.study import Study, make_plan

TABLE = {
    "source": "He et al. 2018, Table 5",
    "values": {"baseline": 76.21, "resnet_b": 76.66, "resnet_c": 76.87},
}


def plan(machine: Machine, published: object, **fields: object) -> None:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 2, "margin": 0.5}
    study = Study.model_validate({**plain, "machine": machine.model_dump(), "published": published, **fields})
    make_plan(study, Path())


def test_values_stand_beside_ours_with_the_difference_that_they_print(tmp_path: Path) -> None:
    plan = plan_of(["resnet_b", "resnet_c", "own"], 3)
    stated = {"published": [{**TABLE, "workload": None}]}
    plan = freeze(tmp_path / "s", plan.model_copy(update={"study": plan.study | stated}))
    complete(tmp_path / "s", plan, {("w", arm.name): {1: 900, 2: 901, 3: 902} for arm in plan.arms})
    results = analyze_study(tmp_path / "s")
    found = by_name(results)
    assert (results.baseline.published, results.baseline.published_source) == (76.21, TABLE["source"])
    assert (found["resnet_b"].published, found["resnet_b"].published_effect) == (76.66, 0.45)  # Table 5
    assert (found["resnet_c"].published, found["resnet_c"].published_effect) == (76.87, 0.66)
    assert (found["own"].published, found["own"].published_effect) == (None, None)
    assert found["resnet_b"].accuracy is not None
    assert found["resnet_b"].accuracy.effect == 0  # ours is as it was


def test_numbers_of_two_sources_are_not_subtracted(tmp_path: Path) -> None:
    plan = plan_of(["resnet_b"], 3)
    stated = [{**TABLE, "workload": "w", "values": {"baseline": 76.21}},
              {"source": "GluonCV", "workload": "w", "values": {"resnet_b": 77.67}}]  # fmt: skip
    plan = freeze(tmp_path / "s", plan.model_copy(update={"study": plan.study | {"published": stated}}))
    complete(tmp_path / "s", plan, {("w", arm.name): {1: 900, 2: 901, 3: 902} for arm in plan.arms})
    arm = by_name(analyze_study(tmp_path / "s"))["resnet_b"]
    assert (arm.published, arm.published_effect, arm.published_source) == (77.67, None, "GluonCV")


def printed() -> Results:
    """Made-up results of which one arm and the baseline have published values."""
    results = cumulative()
    source = {"published_source": "He et al. 2018, Table 4"}
    arms = list(results.arms)
    arms[1] = arms[1].model_copy(update={"published": 75.93, "published_effect": 0.76, **source})
    base = results.baseline.model_copy(update={"published": 75.17, **source})
    return results.model_copy(update={"arms": tuple(arms), "baseline": base, "baselines": (base,)})


def test_every_format_of_the_report_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trickbag.report.html.canvas", lambda: None)  # no charts, which take seconds
    results = printed()
    page = render_html(results)
    assert '<span class="also">published 75.93 (+0.76)</span>' in page
    assert '<span class="also">published 75.17</span>' in page
    assert "Published: He et al. 2018, Table 4." in page
    markdown = render_markdown(results)
    assert "| Published (He et al. 2018, Table 4) |" in markdown
    assert "| 75.93 (+0.76) |" in markdown
    tex = render_latex(results)
    assert r"& Published, \% &" in tex
    assert "& 75.93 (+0.76) &" in tex
    assert "Published accuracies: He et al. 2018, Table 4." in tex
    cells = [str(cell) for column in verdict_table(results, 120).columns for cell in column.cells]
    assert any(cell.endswith("\npublished 75.93 (+0.76)") for cell in cells)
    assert "published 75.17" in cells


@pytest.mark.parametrize("render", [render_html, render_markdown, render_latex])
def test_without_them_nothing_is_said(render: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trickbag.report.html.canvas", lambda: None)
    assert callable(render)
    assert "ublished" not in render(cumulative())


@pytest.mark.parametrize(
    ("published", "message"),
    [
        (
            [{"source": "x", "values": {"cosin": 70.0}}],
            r"^published.0.values, workload digits: unknown arm 'cosin'; did you mean 'cosine'\?$",
        ),
        (
            [{"source": "x", "workload": "digit", "values": {"cosine": 70.0}}],
            r"^published.0: unknown workload 'digit'; did you mean 'digits'\?$",
        ),
        (
            [{"source": "x", "values": {"cosine": 70.0}}, {"source": "y", "values": {"cosine": 71.0}}],
            r"^published.1.values: cosine has a value already; state one per arm$",
        ),
    ],
)
def test_names_are_checked_when_the_study_is_planned(
    machine: Machine, published: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan(machine, published)
