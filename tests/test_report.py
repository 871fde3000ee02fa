"""The report: what is printed equals results.json, hostile names stay text, nothing is loaded."""

import io
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from report_page import Page
from report_studies import (
    DIGITS,
    cumulative,
    digits,
    everything,
    factorial,
    several_workloads,
    study,
    two_workloads,
)
from rich.console import Console

from trickbag.errors import InputError
from trickbag.records.files import write_record
from trickbag.records.result import ArmResult, Results
from trickbag.report import groups, wording
from trickbag.report.html import render_html
from trickbag.report.markdown import render_markdown
from trickbag.report.terminal import folded, print_verdicts, verdict_table
from trickbag.report.write import write_report

STUDIES = [digits, cumulative, two_workloads]
EVIDENCE = [everything, factorial, several_workloads]


def terminal(results: Results, width: int) -> str:
    stream = io.StringIO()
    print_verdicts(results, Console(file=stream, width=width))
    return stream.getvalue()


def numbers_of(arm: ArmResult) -> list[str]:
    """What must be printed of an arm, formatted here without the report's own functions."""
    a = arm.accuracy
    found = [f"{arm.mean:.2f}"]
    if a:
        found += [f"{a.effect:+.2f}" if a.effect else "0.00", f"[{a.low:+.2f}, {a.high:+.2f}]"]
    return [text.replace("-", "−") for text in found]


@pytest.fixture(scope="module", params=STUDIES, ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest) -> tuple[Results, Page]:
    results = request.param()
    return results, Page(render_html(results))


def test_page_prints_every_arm_with_its_numbers_verdict_sentence_and_price(
    case: tuple[Results, Page],
) -> None:
    results, page = case
    for arm in results.arms:
        row = page.text[page.text.index(arm.sentence) - 400 : page.text.index(arm.sentence)]
        for words in (arm.name, arm.verdict, wording.SIGNS[arm.verdict].symbol, *numbers_of(arm)[1:]):
            assert words in row, (arm.name, words)
        assert not arm.fragile or "fragile" in row
        assert not arm.price or arm.price.text in page.text
        assert not arm.time or "1.004 [0.991, 1.018]" in page.text
        for path, (old, new) in arm.diff.items():
            assert path in page.text
            assert all(wording.plain(side) in page.text for side in (old, new))
    for words in (
        results.study,
        results.question,
        results.bottom_line,
        results.not_claimed,
        results.plan_hash,
    ):
        assert words in page.text
    for words in (
        "indicative, not measured: runs were side by side",
        "not measured",
        "0.42 pp",
        "87 %",
        "28 %",
    ):
        assert words in page.text


def test_markdown_has_one_row_per_arm_with_its_numbers() -> None:
    for make in STUDIES:
        results = make()
        rows = [line for line in render_markdown(results).splitlines() if line.startswith("| ")]
        rows = [row for row in rows if "| Arm |" not in row and not row.startswith("| --")]
        assert len(rows) == len(results.arms) + len(results.baselines)
        assert all(row.count(" | ") == 6 for row in rows)
        for arm in results.arms:
            mine = [r for r in rows if r.startswith(f"| {arm.name} ") and f" {numbers_of(arm)[0]} " in r]
            assert len(mine) == 1, arm.name
            assert all(text in mine[0] for text in [*numbers_of(arm), arm.verdict])
            assert arm.fragile == ("fragile" in mine[0])
            assert not arm.price or arm.price.text in mine[0]


@pytest.mark.parametrize("width", [110, 100, 80, 60])
@pytest.mark.parametrize("make", STUDIES)
def test_terminal_table_fits_and_prints_every_number(make: Callable[[], Results], width: int) -> None:
    results = make()
    text = terminal(results, width)
    assert max(map(len, text.splitlines())) <= width
    for arm in results.arms:
        assert wording.SIGNS[arm.verdict].symbol in text
        assert arm.verdict in text or width < 66
        effect = numbers_of(arm)[1:]
        assert " ".join(effect) in text
        assert arm.price is None or "24 seeds" in text
    assert ("●" in text) == (width >= 97)
    assert "Bottom line:" in text
    assert verdict_table(results).row_count >= len(results.arms)


def test_terminal_drawing_marks_zero_and_arrows_only_where_they_belong() -> None:
    lines = {line.split()[0]: line for line in terminal(digits(), 110).splitlines() if line.strip()}
    assert "┿" not in lines["cosine"]  # low end 0.38
    assert "│" in lines["cosine"]
    assert "┿" in lines["zero_gamma"]  # from -0.46 to 1.08
    assert "◀" in lines["high_lr"]
    assert "▶" not in lines["high_lr"]
    assert sum("◀" in line for line in lines.values()) == 1


def test_nothing_is_loaded_from_outside(case: tuple[Results, Page], tmp_path: Path) -> None:
    results, page = case
    html = render_html(results)
    assert not re.findall(r"https?://", re.sub(r'xmlns(:xlink)?="[^"]*"', "", html))
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert all(value.startswith("#") for _, name, value in page.attributes if name in ("href", "src"))
    assert not re.search(r"url\(|@import", html)
    assert "svg" in page.tags


def test_twenty_arms_take_under_five_seconds_and_forty_come_out() -> None:
    specs = tuple((f"arm_{i}", *DIGITS[i % 14][1:4], {}) for i in range(40))
    started = time.process_time()
    render_html(study("twenty", {"digits": (96.0, specs[:20])}, 0.5, 5, 30, "Twenty."))
    assert time.process_time() - started < 5
    page = Page(render_html(study("forty", {"digits": (96.0, specs)}, 0.5, 5, 8, "Forty.")))
    assert all(f"arm_{i} " in page.text for i in range(40))


def test_page_without_chart_packages_says_so_and_keeps_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)  # makes `import vl_convert` raise ImportError
    html = render_html(digits())
    assert wording.CHARTS_MISSING in html
    assert html.count("<circle") == len(DIGITS) - 1  # high_lr is off the axis and has an arrow


def test_one_arm_without_curve_or_interval_and_no_arm_at_all() -> None:
    results = study(
        "one", {"digits": (96.0, (("only", "not analysed", None, 0.0, {"curve": ()}),))}, 0.5, 1, 2, "-"
    )
    page = Page(render_html(results))
    assert "No arm has enough seeds to be analysed" in page.text
    assert "not analysed" in page.text
    assert "not analysed" in terminal(results, 100)
    bare = results.model_copy(update={"arms": (), "noise": ()})
    assert "Not known: too few runs." in Page(render_html(bare)).text
    assert "reference" in render_markdown(bare)


def test_report_is_written_without_torch_from_the_folder_alone(tmp_path: Path) -> None:
    write_record(tmp_path / "results.json", digits())
    code = (
        "import sys, pathlib; sys.modules['torch'] = None; from trickbag.report.write import write_report; "
    )
    code += "import trickbag.report.terminal; print(write_report(pathlib.Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "report.html")
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json",
        "report.html",
        "report.md",
        "report.tex",
    }
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_missing_results_are_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results\.json: no such file"):
        write_report(tmp_path)


def test_axis_keeps_zero_and_margin_and_is_not_squashed_by_one_far_arm() -> None:
    scale = groups.effect_axis(digits().arms, 0.5)
    assert scale.holds(-0.5)
    assert scale.holds(0.5)
    assert not scale.holds(-31.4)
    assert -5 < scale.low < -3.13  # large_batch's interval, from -3.13, is whole
    assert scale.place(scale.low) == 0
    assert scale.place(-31.4) == 0
    assert scale.place(scale.high) == 1


def test_no_number_is_printed_as_minus_zero() -> None:
    assert wording.points(-0.001) == "0.00"
    assert wording.points(-0.314) == "−0.31"
    assert wording.points(2.0) == "+2.00"


def test_long_names_fold_where_they_may_be_broken() -> None:
    assert folded("reduce_on_plateau", 20) == "reduce_on_plateau"
    assert folded("reduce_on_plateau", 16) == "reduce_on_\nplateau"
    assert folded("large_batch+linear_scaling+warmup", 16) == "large_batch+\nlinear_scaling+\nwarmup"
    assert folded("averylongnamewithoutany", 8) == "averylongnamewithoutany"  # the table folds it anywhere


def test_long_names_may_be_broken_between_their_words() -> None:
    specs = (("large_batch+linear_scaling", "undecided", 0.1, 0.3, {"curve": ()}),)
    page = render_html(study("long", {"digits": (96.0, specs)}, 0.5, 3, 2, "-"))
    assert '<td class="name">large_<wbr>batch+<wbr>linear_<wbr>scaling' in page
    assert "large_batch+linear_scaling" in Page(page).text
