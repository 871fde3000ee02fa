r"""report.tex: a table per workload for a paper, to be `\input`; needs the package booktabs and nothing else."""

import re
import unicodedata

from trickbag.records.result import ArmResult, Results, Summary
from trickbag.report.facts import (
    BALANCED,
    FRAGILE,
    INTERIM,
    JOINT,
    fragile_meaning,
    level,
    opened,
    published,
    published_sources,
)
from trickbag.report.findings import families
from trickbag.report.groups import Group, groups, label
from trickbag.report.wording import interval, number, numbered, points, ratio, share, times, visible

MOST_ROWS = 40  # of a table that fits on a page; more go on in the next one
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''", "`": r"\textasciigrave{}", "−": "$-$",
    "–": r"\textendash{}", "×": r"$\times$", "±": r"$\pm$", "·": r"$\cdot$", "→": r"$\rightarrow$",
    "²": "$^2$", "ß": r"\ss{}", "�": "?",
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030a": "r", "\u030c": "v",
    "\u0327": "c",
}  # fmt: skip


def render_latex(results: Results) -> str:
    """All tables, under a comment that says what they are."""
    head = (
        f"% Verdicts of the trickbag study {escape(results.study)}, plan {escape(results.plan_hash[:12])}.\n"
        "% In the preamble: \\usepackage{booktabs}\n"
    )
    return head + "\n".join(_tables(group, i, results) for i, group in enumerate(groups(results)))


def escape(words: str) -> str:
    """Words from outside on one line, as text that any LaTeX engine sets.

    What no standard font holds is named by its code point.
    """
    text = "".join(_character(c) for c in " ".join(visible(words).split()))
    return re.sub("-(?=-)", "-{}", text)  # two hyphens are not a dash


def _character(c: str) -> str:
    """One character as LaTeX text."""
    if c in SPECIAL or c.isascii():
        return SPECIAL.get(c, c)
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in ACCENTS:
        return f"\\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"\\texttt{{U+{ord(c):04X}}}"


def _tables(group: Group, index: int, results: Results) -> str:
    """A workload's table, in parts where it is too long for a page."""
    chunks = [group.judged[i : i + MOST_ROWS] for i in range(0, len(group.judged), MOST_ROWS)] or [()]
    return "\n".join(
        _table(
            group, chunk, results, f"tab:trickbag-{index + 1}" + (f"-{part + 1}" if part else ""), part > 0
        )
        for part, chunk in enumerate(chunks)
    )


def _table(group: Group, arms: tuple[ArmResult, ...], results: Results, name: str, goes_on: bool) -> str:
    """One `table` environment."""
    timed, tested = bool(group.timed), any(arm.test for arm in group.judged)
    base = group.baseline
    head = ["Arm", f"Effect, pp [{escape(share(results.level))}]"]
    first = [escape(base.name), "reference"]
    if tested:
        head, first = [*head, f"On test, pp [{escape(share(results.level))}]"], [*first, ""]
    weighed = any(arm.balanced_mean is not None for arm in group.everyone)
    if weighed:
        head, first = [*head, "Balanced, \\%"], [*first, escape(number(base.balanced_mean))]
    printed = any(arm.published is not None for arm in group.everyone)
    if printed:
        head, first = [*head, "Published, \\%"], [*first, _published(base)]
    head, first = [*head, "Verdict"], [*first, ""]
    if timed:
        head, first = [*head, "Time ratio"], [*first, ""]
    lines = [
        [*head, "Seeds"],
        [*first, str(base.seeds)],
        *(_row(arm, group, timed, tested, weighed, printed) for arm in arms),
    ]
    written = [
        "{}" * line[0].startswith("[") + " & ".join(line) + r" \\" for line in lines
    ]  # [ is \\'s argument
    caption = escape("Continued from the table before.") if goes_on else _caption(group, results)
    last = not arms or arms[-1] == group.judged[-1]
    written += [_foreign_row(*item, len(head)) for item in group.foreign.items()] if last else []
    columns = "lr" + "r" * (tested + weighed + printed) + "l" + "r" * timed + "r"
    above = [r"\begin{table}", r"\centering", r"\small", f"\\caption{{{caption}}}", f"\\label{{{name}}}"]
    above += [r"\vspace{\abovecaptionskip}", f"\\begin{{tabular}}{{{columns}}}", r"\toprule"]
    below = [r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join([*above, written[0], r"\midrule", *written[1:], *below])


def _published(arm: Summary) -> str:
    """The printed accuracy with its difference, or a dash."""
    return escape(published(arm).removeprefix("published ") or "–")


def _row(arm: ArmResult, group: Group, timed: bool, tested: bool, weighed: bool, printed: bool) -> list[str]:
    """An arm's row."""
    a, t, time = arm.accuracy, arm.test, arm.time
    cells = [label(arm, group), f"{points(a.effect)} {interval(a.low, a.high)}" if a else "–"]
    if tested:
        cells.append(f"{points(t.effect)} {interval(t.low, t.high)}" if t else "–")
    if weighed:
        cells.append(number(arm.balanced_mean))
    if printed:
        cells.append(published(arm).removeprefix("published ") or "–")
    flags = [INTERIM] * arm.interim + [FRAGILE] * arm.fragile + [JOINT] * arm.faster_and_kept
    cells.append(arm.verdict + (f" ({'; '.join(flags)})" if flags else ""))
    if timed:
        cells.append(ratio(time.ratio, time.low, time.high) if time else "–")
    return [escape(cell) for cell in (*cells, str(arm.seeds))]


def _foreign_row(name: str, why: str, columns: int) -> str:
    """The row of a factor that means nothing on this workload, over all columns but the first."""
    return f"{escape(name)} & \\multicolumn{{{columns}}}{{l}}{{not applicable: {escape(why)}}} \\\\"


def _caption(group: Group, results: Results) -> str:
    """What was judged, how, on what, and what the table leaves out."""
    sure = share(results.level)
    told = [
        f"{results.study}: {results.scope.get(group.workload, group.workload)}.",
        f"Effects on validation accuracy against {'the named comparison' if group.cumulative else 'the baseline'}, "
        f"in percentage points, with simultaneous {sure} intervals"
        + (f" ({results.method})" if results.method else "")
        + "; they speak about new seeds on these images.",
        f"Margin of practical interest ±{number(results.margin)} points.",
        f"Tuning: {'; '.join(sorted({level(arm) for arm in group.judged})) or 'none'}.",
    ]
    told.append(families(results.level))
    if any(arm.interim for arm in group.judged):
        told.append("Interim: runs of the comparison are to come, so nothing is claimed yet.")
    if any(arm.fragile for arm in group.judged):
        told.append(f"Fragile: {fragile_meaning(results.extensions)}.")
    if results.extensions:
        told.append(f"Seeds were added {times(results.extensions)} after results could be seen.")
    if any(arm.balanced_mean is not None for arm in group.everyone):
        told.append(BALANCED)
    if sources := published_sources(group.everyone):
        told.append(f"Published accuracies: {sources}.")
    if group.timed:
        told.append(f"Time ratios: simultaneous {sure} intervals from an exclusive timing session.")
    if results.test_openings:
        told.append(f"In all, {opened(results)}.")
    if group.screened:
        arms = numbered(len(group.screened), "arm")
        told.append(f"Not listed: {arms} with screening estimates alone, which are no evidence of no effect.")
    return escape(" ".join(told))
