"""The report of studies with attribution, several workloads, timing, tuning, screening and an opened test set."""

import io
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from report_page import ATTACK, Page, hostile
from report_studies import (
    EVERYTHING,
    T1,
    between,
    complete,
    digits,
    everything,
    factorial,
    several_workloads,
    study,
)
from rich.console import Console

from trickbag.records.result import CostPoint, Results
from trickbag.report import facts, findings, groups, wording
from trickbag.report.html import render_html
from trickbag.report.latex import MOST_ROWS, escape, render_latex
from trickbag.report.markdown import render_markdown
from trickbag.report.terminal import print_verdicts

STUDIES = [everything, factorial, several_workloads]
COMMANDS = {
    "begin", "end", "centering", "small", "caption", "label", "vspace", "abovecaptionskip", "toprule", "midrule",
    "bottomrule", "usepackage", "textbackslash", "textless", "textgreater", "textbar", "textasciigrave", "textendash",
    "textasciicircum", "textasciitilde", "texttt", "times", "pm", "cdot",
}  # fmt: skip


@cache
def html(make: Callable[[], Results]) -> str:
    return render_html(make())


def terminal(results: Results, width: int) -> str:
    stream = io.StringIO()
    print_verdicts(results, Console(file=stream, width=width))
    return stream.getvalue()


def words(page: str) -> str:
    """The page's text without its drawings."""
    return Page(re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)).text


def written_as(kind: str, make: Callable[[], Results]) -> str:
    """A study's report as plain words."""
    if kind == "page":
        return words(html(make))
    return re.sub(r"[*\s]+", " ", render_markdown(make()) if kind == "markdown" else terminal(make(), 110))


def leaves(value: Any) -> Iterator[Any]:
    """Every single value in the results."""
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *leaves(inner))
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def written(results: Results) -> set[str]:
    """Every way in which a number of the results may be written, without its sign."""
    found = set[str]()
    for value in leaves(results):
        if isinstance(value, str):
            found |= set(re.findall(r"\d+\.\d+", value))
        elif isinstance(value, float):
            a = abs(value)
            found |= {f"{a:.{digits}f}" for digits in range(1, 5)} | {f"{a:g}", f"{a:.4g}", repr(a)}
            found |= {f"{a / unit:.1f}" for unit in (60, 3600)}
    return found | {"0.001"}  # p < 0.001


def foreign(text: str, results: Results) -> set[str]:
    """Numbers with a decimal point that the results do not hold."""
    return set(re.findall(r"\d+\.\d+", text)) - written(results)


@pytest.mark.parametrize("make", [*STUDIES, digits])
def test_every_number_that_is_printed_is_in_the_results(make: Callable[[], Results]) -> None:
    results = make()
    for text in (words(html(make)), render_markdown(results), terminal(results, 120), render_latex(results)):
        assert len(re.findall(r"\d+\.\d+", text)) > 15
        assert foreign(text, results) == set()
    assert foreign("An effect of 12.3456 that nobody measured.", results) == {"12.3456"}


def test_what_is_known_of_an_arm_stands_in_its_row() -> None:
    results, text = everything(), words(html(everything))
    for said in (
        "T1: 8 points each", "stopped at 4 seeds", "faster, accuracy kept", "selected, optimistic",
        "equals training the baseline 1.24 times as long, 1.10 to 1.41", "test set opened twice",
        "equals training the baseline 1.12 times as long, at most 1.31", "test +0.44 [+0.22, +0.66]",
        "+0.47 [+0.20, +0.74] effect with new seeds and new images like these", "−8.2 [−11.1, −5.3] %",
        "optimizer.lr = 0.0707", "Outlying seeds 7, 12", "×2.31", "Dropped at screening", "dropped: fifth of 6",
        "differs more than chance explains (p = 0.031)", "differ more than chance explains (p = 0.021)",
    ):  # fmt: skip
        assert said in text, said
    dropped = text[text.index("Dropped at screening") : text.index("Effect on accuracy", 3000)]
    assert "no evidence that an arm has no effect" in dropped
    assert all(arm.name in dropped for arm in results.arms if arm.selected)
    first = text[text.index("Verdicts Accuracy") : text.index("Dropped at screening")]
    assert not any(arm.name in first for arm in results.arms if arm.selected)


def test_time_and_cost_say_what_was_measured() -> None:
    text = words(html(everything))
    for said in (
        "exclusive timing session of 9 rounds; other processes used 7 % of the cores", "Warning: other processes",
        "×0.881 [0.876, 0.886]", "×1.210", "±1.5 %", "10 of 10 runs reached 94.31 %", "6.2 min",
        "4 of 10 runs reached 94.31 %; those that never did count as censored",
        "Circles: times measured in the timing session. Squares: indicative",
    ):  # fmt: skip
        assert said in text, said
    drawn = html(everything)
    assert drawn.count("(log axis)") == 0  # 412 s is less than three times 194 s
    far = everything().model_copy(
        update={
            "costs": tuple(_slower(point) if point.name == "sam" else point for point in everything().costs)
        }
    )
    assert render_html(far).count("(log axis)") == 2  # wide and phone


def _slower(point: CostPoint) -> CostPoint:
    return point.model_copy(update={"seconds": between(700.0, 5.0)})


def test_how_it_was_decided_lists_phases_reasons_amendments_openings_and_tuning() -> None:
    results, text = everything(), words(html(everything))
    text = text[text.index("How this was decided", 2000) :]
    for phase in results.phases:
        assert phase.rule in text
        assert all(f"{arm} : {reason}" in text for arm, reason in phase.reasons.items())
    assert all(when in text for when in results.openings)
    assert "after 40 finished runs: two more seeds" in text
    assert "sam excludes fp16" in text
    assert "optimizer.lr ×0.25 to ×4" in text
    assert "confirm, look 2" in text
    assert "8–13" in text


@pytest.mark.parametrize("kind", ["page", "markdown", "terminal"])
def test_attribution_has_every_part_with_its_interval_and_the_sum(kind: str) -> None:
    results = factorial()
    text = written_as(kind, factorial)
    for shares in results.attributions:
        title, _ = findings.ATTRIBUTION[shares.kind]
        here = text[text.index(title) :]
        for part in shares.parts:
            a = part.accuracy
            assert f"{wording.points(a.effect)} {wording.interval(a.low, a.high)}" in here, part
            assert part.name in here
    assert "less together" in text
    assert "The whole stack gains +0.94 [+0.75, +1.13] pp over the baseline. The shares sum to it." in text


@pytest.mark.parametrize("kind", ["page", "markdown"])
def test_forest_has_every_workload_mean_prediction_and_heterogeneity(kind: str) -> None:
    results = several_workloads()
    text = written_as(kind, several_workloads).replace("&lt;", "<")
    text = text[text.rindex("Does it carry over?") :]
    for one in results.across:
        for value in (*one.effects, one.mean):
            assert wording.measured(value) in text
        assert all(workload in text for workload in one.workloads)
        assert one.sentence in text
        assert f"I²) {100 * one.i_squared:.0f} %" in text
    assert "[−1.42, +1.66]" in text
    assert "differ more than chance explains (p < 0.001)" in text
    assert "differ no more than chance may explain (p = 0.71)" in text
    assert "Does it carry over?" in terminal(results, 80)


def test_forest_and_attribution_are_drawn() -> None:
    def drawn(make: Callable[[], Results], section: str) -> list[str]:
        page = html(make)
        start = page.index(f'<section id="{section}">')
        return re.findall(r"<svg.*?</svg>", page[start : page.index("</section>", start)], flags=re.DOTALL)

    assert len(drawn(factorial, "attribution")) == 6  # three kinds, wide and phone
    assert all(
        svg.count("whole stack") == (0 if "cosine x" in svg else 1) for svg in drawn(factorial, "attribution")
    )
    forests = drawn(several_workloads, "across")
    assert len(forests) == 3
    assert all(workload in svg for svg in forests for workload in several_workloads().across[0].workloads)
    assert len(drawn(everything, "cost")) == 2
    assert all(
        "label_smoothing" in svg and "mixup" not in svg for svg in drawn(everything, "cost")
    )  # front alone


def test_hostile_texts_stay_text_wherever_they_stand() -> None:
    results = hostile(complete())
    page = render_html(results)
    read = Page(page)
    assert "script" not in read.tags
    assert not re.search("[\x1b\u202e\ufffe]", page)
    assert read.text.count(ATTACK) > 100
    assert not [a for a in read.attributes if a[1].startswith("on") or "javascript:" in a[2]]
    assert not read.tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    markdown = render_markdown(results)
    assert "<" not in markdown
    assert "](" not in re.sub(r"\\.", "", markdown)
    for block in markdown.split("\n\n"):
        if block.startswith("| "):
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in block.splitlines()}) == 1
    assert not re.search("[\x1b\u202e]", markdown + terminal(results, 100))
    latex = render_latex(results)
    assert set(re.findall(r"\\([a-zA-Z]+)", latex)) <= COMMANDS
    bare = re.sub(r"\$(-|\\times|\\pm)\$|\\.| & |^% .*$", "", latex, flags=re.MULTILINE)
    assert not re.search(r"[$#%~^_&<>|\"]", bare)
    assert "input\\{x\\}" in latex


def test_latex_escapes_what_is_special_and_names_what_no_font_holds() -> None:
    assert escape(r"a_b & 5 % \input{x} #1 $y$ ~ ^") == (
        r"a\_b \& 5 \% \textbackslash{}input\{x\} \#1 \$y\$ \textasciitilde{} \textasciicircum{}"
    )
    assert escape("é ñ ç 中 --x") == r"\'{e} \~{n} \c{c} \texttt{U+4E2D} -{}-x"
    assert escape("one\ntwo\x1b") == "one two?"


def test_latex_has_a_row_per_judged_arm_and_a_caption_that_says_how() -> None:
    results = everything()
    latex = render_latex(results)
    assert latex.count(r"\begin{table}") == 1
    for arm in results.arms:
        assert (f"{escape(arm.name)} & " in latex) == (not arm.selected)
    for said in (
        "simultaneous 95",
        r"$\pm$0.15",
        "T1: 8 points each",
        "opened twice",
        "2 arms with screening",
        "max-",
    ):
        assert said in latex, said
    assert r"$\times$0.881 [0.876, 0.886]" in latex
    specs = tuple((f"arm_{i}", "undecided", 0.1, 0.3, {"curve": ()}) for i in range(2 * MOST_ROWS + 1))
    assert render_latex(study("long", {"digits": (96.0, specs)}, 0.5, 3, 2, "-")).count(r"\begin{table}") == 3


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles_even_from_hostile_names(tmp_path: Path) -> None:
    body = "".join(render_latex(results) for results in (everything(), hostile(everything())))
    preamble = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "paper.tex").write_text(f"{preamble}{body}\\end{{document}}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode == 0, done.stdout[-800:]


def test_what_a_study_has_not_done_leaves_no_section_behind() -> None:
    plain, full = html(digits), html(everything)
    for section in ("attribution", "across", "cost"):
        assert f'id="{section}"' not in plain
        assert f'href="#{section}"' not in plain
    assert 'id="cost"' in full
    text = words(plain)
    for said in (
        "Dropped at screening",
        "Amendments",
        "Openings",
        "Phases",
        "Tuning Every",
        "Time to target",
        "warning",
    ):
        assert said not in text, said
    bare = digits().model_copy(update={"arms": (), "noise": (), "scope": {}})
    page = render_html(bare)
    assert 'id="chart"' not in page
    assert 'id="curves"' not in page
    assert "No arm has enough seeds" in page
    for write in (render_markdown, render_latex, lambda r: terminal(r, 80)):
        assert write(bare)


def test_screening_so_far_is_not_called_dropped() -> None:
    specs = tuple(spec for spec in EVERYTHING if spec[4].get("selected"))
    results = study("interim", {"digits": (96.0, specs)}, 0.5, 3, 4, "Interim.")
    text = words(render_html(results))
    assert "Screened so far" in text
    assert "Dropped at screening" not in text
    assert "Screened so far" in terminal(results, 100)


def test_two_hundred_arms_keep_every_row_and_draw_the_foremost() -> None:
    verdicts = ("undecided", "better", "equivalent", "worse")
    specs = tuple((f"arm_{i}", verdicts[i % 4], i / 100 - 1, 0.3, {"ledger": T1}) for i in range(200))
    results = study("many", {"digits": (96.0, specs)}, 0.5, 3, 4, "Many.")
    page = render_html(results)
    text = words(page)
    assert all(f"What arm_{i} did here" in text for i in range(200))
    assert "60 of 200 arms are drawn" in text
    assert "24 of 200 arms are drawn" in text
    start = page.index('<section id="chart">')
    chart = page[start : page.index("</svg>", start)]
    assert chart.count("arm_") == 60
    assert "? arm_" not in chart  # 150 are settled: no undecided one is drawn
    (group,) = groups.groups(results)
    assert [arm.name for arm in groups.foremost(group.judged, 3)] == ["arm_199", "arm_198", "arm_197"]


def test_without_chart_packages_every_section_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trickbag.report.html.canvas", lambda: None)
    for make in STUDIES:
        text = words(render_html(make()))
        assert wording.CHARTS_MISSING in text
    assert "mixup over four workloads, in a sentence." in words(render_html(several_workloads()))


def test_words_for_open_bounds_runs_of_seeds_and_chance() -> None:
    assert wording.listed((1, 2, 3, 7, 9, 10)) == "1–3, 7, 9–10"
    assert wording.p_value(0.0004) == "p < 0.001"
    assert wording.beyond_chance(0.6) == "no more than chance may explain (p = 0.60)"
    longer = everything().arms[0].equals_longer
    assert longer is not None
    assert facts.longer(longer.model_copy(update={"high": None})).endswith("1.24 times as long, 1.10 or more")
