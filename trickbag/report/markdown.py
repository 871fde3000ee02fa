"""report.md: the verdicts as a Markdown table, a sentence per arm, what else was found and what is not claimed."""

import re
from collections.abc import Iterable, Sequence

from trickbag.records.result import Accuracy, ArmResult, ContrastResult, Interval, Results
from trickbag.report import facts
from trickbag.report.groups import Group, context, groups, label
from trickbag.report.wording import (
    SIGNS,
    TIME_CAVEAT,
    duration,
    interval,
    listed,
    measured,
    number,
    numbered,
    points,
    ratio,
    share,
    times,
    visible,
)


def render_markdown(results: Results) -> str:
    """The whole page."""
    parts = [f"# {escape(results.study)}", escape(results.question)]
    parts.append(f"**Bottom line.** {escape(results.bottom_line)}")
    for group in groups(results):
        if len(results.baselines) > 1:
            parts.append(f"## {escape(group.workload)}")
        parts += [_verdicts(group, results), _sentences(group, results), _screened(group, results)]
        parts += [*_attributions(group, results.level), _target(group), _cost(group, results.level)]
        parts += [_mishaps(group), _noise(group)]
    parts += [_across(results), _timing(results), _decided(results)]
    parts.append("**Scope.**\n" + _list(facts.scope_lines(results)))
    parts.append(f"**Not claimed.** {escape(results.not_claimed)}")
    parts.append(
        f"Plan {escape(results.plan_hash[:12])}, frozen {escape(results.planned[:10])}; "
        f"{results.runs_done} of {results.runs_planned} runs done; the test set was opened "
        f"{times(results.test_openings)}. Times marked indicative are {TIME_CAVEAT}."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(words: str) -> str:
    """Words from outside as Markdown text on one line, in and out of tables."""
    words = " ".join(visible(words).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    words = re.sub(r"([\\`*\[\]|~$#!])", r"\\\1", words)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """A table of finished cells; the columns not in `left` are set right."""
    rule = ["---" if i in left else "--:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def _list(lines: Iterable[str]) -> str:
    """Words from outside as a list."""
    return "\n".join(f"- {escape(line)}" for line in lines)


def _effect(value: Accuracy | Interval) -> str:
    """An effect with its interval."""
    return f"**{points(value.effect)}** {interval(value.low, value.high)}"


def _verdicts(group: Group, results: Results) -> str:
    """The baseline and one row per judged arm."""
    head = ["Arm", "Accuracy, %", f"Effect, pp [simultaneous {share(results.level)} interval]"]
    head += ["Verdict", "Seeds", "Training time (indicative)", "Time verdict"]
    base = group.baseline
    rows = [[escape(base.name), number(base.mean), "", "reference", str(base.seeds), facts.indicative(base), ""]]
    rows += [_row(arm, group) for arm in group.judged]
    if any(arm.test for arm in group.judged):
        head.append("Effect on the test images, pp")
        rows = [[*row, _effect(arm.test) if arm and arm.test else ""] for row, arm in _with(rows, group)]
    if any(arm.new_images for arm in group.judged):
        head.append("On new images like these, pp")
        rows = [[*row, measured(arm.new_images) if arm and arm.new_images else ""] for row, arm in _with(rows, group)]
    return _table(head, rows, (0, 3, 6))


def _with(rows: list[list[str]], group: Group) -> list[tuple[list[str], ArmResult | None]]:
    """Rows with their arms; the baseline's has none."""
    return list(zip(rows, (None, *group.judged), strict=True))


def _row(arm: ArmResult, group: Group) -> list[str]:
    """An arm's row."""
    effect = _effect(arm.accuracy) if arm.accuracy else "–"
    flags = [words for words, _ in facts.marks(arm)]
    flags += [facts.level(arm)] if arm.ledger.level != "T0" else []
    verdict = f"{SIGNS[arm.verdict].symbol} {arm.verdict}" + (f" ({', '.join(flags)})" if flags else "")
    if arm.price:
        verdict += f": {escape(arm.price.text)}"
    name = escape(label(arm, group))
    time = facts.claim_on_time(arm)
    return [name, number(arm.mean), effect, verdict, str(arm.seeds), facts.indicative(arm), time]


def _sentences(group: Group, results: Results) -> str:
    """What a practitioner should take from each arm, and what else is known of it."""
    lines = []
    for arm in group.judged:
        told = "; ".join(f"{fact.name.lower()}: {fact.value}" for fact in facts.arm_facts(arm, results))
        lines.append(f"- **{escape(arm.name)}**: {escape(f'{arm.sentence} ({told})')}")
    return "\n".join(lines)


def _screened(group: Group, results: Results) -> str:
    """The arms that the screening left out."""
    if not group.screened:
        return ""
    title = f"**{facts.dropped_title(group, results)}** ({facts.OPTIMISTIC}; not evidence of no effect)"
    rows = [
        [
            escape(arm.name),
            measured(arm.accuracy) if arm.accuracy else "–",
            str(arm.seeds),
            escape(facts.why(arm, results)),
        ]
        for arm in group.screened
    ]
    return f"{title}\n\n" + _table(["Arm", "Estimate, pp", "Seeds", "Why"], rows, (0, 3))


def _attributions(group: Group, level: float) -> list[str]:
    """Who carries the stack."""
    found = []
    for shares in group.attributions:
        title, meaning = facts.ATTRIBUTION[shares.kind]
        rows = [
            [escape(part.name), _effect(part.accuracy), _part(part), escape(part.sentence)]
            for part in shares.parts
        ]
        head = ["Factor", f"Effect, pp [simultaneous {share(level)} interval]", "Verdict", "In words"]
        table = _table(head, rows, (0, 2, 3))
        found.append("\n\n".join(filter(None, (f"**{title}.** {meaning}", table, facts.total(shares)))))
    return found


def _part(part: ContrastResult) -> str:
    """The verdict on a factor."""
    flag = " (fragile)" if part.fragile else ""
    return f"{SIGNS[part.verdict].symbol} {facts.part_verdict(part)}{flag}"


def _across(results: Results) -> str:
    """Whether arms carry over from one workload to others."""
    if not results.across:
        return ""
    head = ["Arm", f"Mean over workloads, pp [{share(results.level)} interval]", "Another workload", "Each workload"]
    rows = [
        [
            escape(f"{one.name} vs {one.comparison}"),
            _effect(one.mean),
            facts.prediction(one),
            "; ".join(f"{escape(w)} {measured(e)}" for w, e in zip(one.workloads, one.effects, strict=True)),
        ]
        for one in results.across
    ]
    lines = [f"- **{escape(one.name)}**: {escape(f'{one.sentence} {facts.heterogeneity(one)}')}" for one in results.across]
    return "\n\n".join(("## Does it carry over?", _table(head, rows, (0, 3)), "\n".join(lines)))


def _target(group: Group) -> str:
    """Time to target."""
    rows = [
        [
            escape(label(arm, group)),
            facts.to_target(arm.to_target),
            duration(arm.to_target.median_seconds),
            duration(arm.to_target.comparison_median_seconds),
        ]
        for arm in group.arms
        if arm.to_target
    ]
    table = _table(["Arm", "Reached", "Median", "Comparison's median"], rows, (0, 1))
    return f"**Time to target.**\n\n{table}" if rows else ""


def _cost(group: Group, level: float) -> str:
    """Accuracy against cost."""
    rows = [
        [
            escape(p.name),
            f"{duration(p.seconds.effect)} ({duration(p.seconds.low)} to {duration(p.seconds.high)})",
            f"{number(p.accuracy.effect)} ({number(p.accuracy.low)} to {number(p.accuracy.high)})",
            "yes" if p.on_front else "",
            "measured" if p.measured else "indicative",
        ]
        for p in group.costs
    ]
    sure = f"({share(level)} interval)"
    table = _table(["Arm", f"Whole run {sure}", f"Accuracy, % {sure}", "Pareto front", "Time"], rows, (0, 3, 4))
    return f"**Accuracy against cost.**\n\n{table}" if rows else ""


def _timing(results: Results) -> str:
    """The timing session, and what building and compiling cost."""
    if not results.timing:
        return ""
    lines = [facts.session(results.timing)]
    if results.timing.warning:
        lines.append(f"Warning: {results.timing.warning}")
    starts = [
        f"{arm.name} {ratio(arm.time.startup_ratio)}"
        for arm in results.arms
        if arm.time and arm.time.startup_ratio is not None
    ]
    if starts:
        lines.append(f"Start-up, ratio to the comparison's (no claim): {', '.join(starts)}.")
    lines.append(f"Ratios within ±{number(results.time_margin, 1)} % make no practical difference.")
    return "**Training time.**\n" + _list(lines)


def _mishaps(group: Group) -> str:
    """The runs that did not finish."""
    lines = [f"{arm.name}: {facts.mishaps(arm)}" for arm in group.everyone if facts.mishaps(arm)]
    return f"**Runs that did not finish.**\n{_list(lines)}" if lines else ""


def _noise(group: Group) -> str:
    """How noisy the workload is."""
    if group.noise is None:
        return ""
    lines = [f"{name}: {value} ({meaning})" for name, value, meaning in facts.noise_lines(group.noise)]
    lines += [f"{arm}: outlying seeds {seeds} (shown, never dropped)" for arm, seeds in facts.outlying(group)]
    return f"**How noisy is this?**\n{_list(lines)}"


def _decided(results: Results) -> str:
    """Phases, amendments, openings and what was left out."""
    lines = [
        f"{facts.phase_title(phase)}: {numbered(phase.runs, 'run')}, seeds {listed(phase.seeds)}; {phase.rule}"
        for phase in results.phases
    ]
    lines += [
        f"amendment of {entry.written[:10]}, after {entry.finished_runs} finished runs: {entry.reason}"
        for entry in results.amendments
    ]
    lines += [f"the test set was opened: {written}" for written in results.openings]
    lines += [f"left out of the design: {name} ({reason})" for name, reason in results.dropped.items()]
    return f"**How this was decided.**\n{_list(lines)}" if lines else ""
