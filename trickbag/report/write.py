"""Writes a study's report next to its results."""

from pathlib import Path

from trickbag.errors import InputError
from trickbag.records.chain import PLAN, read_plan
from trickbag.records.files import write_text
from trickbag.records.result import RESULTS, read_results
from trickbag.report.html import render_html
from trickbag.report.latex import render_latex
from trickbag.report.markdown import render_markdown

HTML, MARKDOWN, LATEX = "report.html", "report.md", "report.tex"


def write_report(folder: Path) -> Path:
    """Write report.html, report.md and report.tex from results.json; the page's path.

    Raises InputError where results.json is missing, damaged, of another format, or not of the plan beside it.
    """
    results = read_results(folder)
    known = {entry.hash for entry in read_plan(folder).entries} if (folder / PLAN).exists() else set()
    if known and results.plan_hash not in known:
        raise InputError(
            f"{folder / RESULTS}: these are the results of another plan; run trickbag analyze {folder}"
        )
    write_text(folder / MARKDOWN, render_markdown(results))
    write_text(folder / LATEX, render_latex(results))
    write_text(folder / HTML, render_html(results))
    return folder / HTML
