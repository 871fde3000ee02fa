"""What every report says of interim arms, added seeds, sampled orders, unshared seeds, and the error of families."""

import io
import re
from collections.abc import Callable

import pytest
from report_page import Page
from report_studies import digits, factorial
from rich.console import Console

from trickbag.records.result import Results
from trickbag.report.html import render_html
from trickbag.report.latex import render_latex
from trickbag.report.markdown import render_markdown
from trickbag.report.terminal import print_verdicts


def terminal(results: Results) -> str:
    stream = io.StringIO()
    print_verdicts(results, Console(file=stream, width=120))
    return stream.getvalue()


def page(results: Results) -> str:
    return Page(render_html(results)).text


WRITERS = [page, render_markdown, render_latex, terminal]
Writer = Callable[[Results], str]


def small(**more: object) -> Results:
    """One arm of the digits study that is claimed, changed."""
    results = digits()
    arm = next(arm for arm in results.arms if arm.verdict == "better")
    return results.model_copy(
        update={"arms": (arm.model_copy(update={"curve": (), "fragile": False, **more}),)}
    )


@pytest.mark.parametrize("write", WRITERS)
def test_an_interim_arm_is_marked_in_every_report(write: Writer) -> None:
    assert "interim" not in write(small()).lower()
    assert re.search(r"better \(?interim", write(small(interim=True)))
    assert re.search(r"better \(?interim[,;]? fragile", write(small(interim=True, fragile=True)))


@pytest.mark.parametrize("write", [page, render_markdown, terminal])
def test_interim_shares_are_marked(write: Writer) -> None:
    results = factorial()
    shares = results.attributions[0]
    parts = tuple(part.model_copy(update={"interim": True, "fragile": False}) for part in shares.parts)
    shown = results.model_copy(
        update={"attributions": (shares.model_copy(update={"parts": parts}),), "arms": ()}
    )
    text = write(shown)
    assert text.count("interim") == len(parts)


@pytest.mark.parametrize("write", [page, render_markdown, render_latex])
def test_over_what_the_error_holds_is_said(write: Writer) -> None:
    text = write(small()).replace("\\", "")
    assert "The 5 % of error holds per workload and per kind of claim" in text
    assert "not over all of a study's families together" in text


@pytest.mark.parametrize("write", [page, render_markdown])
def test_seeds_of_ones_own_are_not_called_the_same(write: Writer) -> None:
    assert "over the same seeds;" in write(small())
    text = write(small().model_copy(update={"pairing": "none"}))
    assert "over seeds of each arm's own;" in text
    assert "over the same seeds" not in text


@pytest.mark.parametrize("write", [page, render_markdown, render_latex])
def test_added_seeds_are_told_with_their_amendments(write: Writer) -> None:
    assert "Seeds were added" not in write(small())
    results = small(fragile=True).model_copy(update={"extensions": 2})
    assert "Seeds were added twice after results could be seen" in write(results)
    if write is render_latex:
        assert "or the stricter level that added seeds ask for, does not share this verdict" in write(results)
    if write is page:
        title = "the robust cross-check, or the stricter level that added seeds ask for, does not share this verdict"
        assert f'title="{title}"' in render_html(results)


@pytest.mark.parametrize("write", [page, render_markdown])
def test_shares_of_sampled_orders_say_what_their_intervals_leave_out(write: Writer) -> None:
    results = factorial()
    shapley = next(shares for shares in results.attributions if shares.kind == "shapley")
    whole = write(results.model_copy(update={"attributions": (shapley,), "arms": ()}))
    assert "averaged over all orders of adding them" in whole
    assert "leave out" not in whole
    sampled = shapley.model_copy(update={"orders": 24})
    text = write(results.model_copy(update={"attributions": (sampled,), "arms": ()}))
    assert "averaged over 24 random orders of adding them" in text
    assert "Intervals leave out the sampling of the orders." in text
