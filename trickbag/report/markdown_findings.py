"""What report.md tells after the verdicts of a workload."""

from trickbag.records.result import ContrastResult, Results
from trickbag.report import facts, findings
from trickbag.report.groups import Group, label
from trickbag.report.markdown_text import bullets, effect, escape, table
from trickbag.report.wording import SIGNS, duration, listed, measured, number, numbered, ratio, share


def attributions(group: Group, level: float) -> list[str]:
    """Who carries the stack."""
    found = []
    for shares in group.attributions:
        title, meaning = findings.ATTRIBUTION[shares.kind][0], findings.attribution_meaning(shares)
        rows = [
            [escape(part.name), effect(part.accuracy), _part(part), escape(part.sentence)]
            for part in shares.parts
        ]
        head = ["Factor", f"Effect, pp [simultaneous {share(level)} interval]", "Verdict", "In words"]
        listing = table(head, rows, (0, 2, 3))
        found.append("\n\n".join(filter(None, (f"**{title}.** {meaning}", listing, findings.total(shares)))))
    return found


def _part(part: ContrastResult) -> str:
    """The verdict on a factor."""
    flags = [facts.INTERIM] * part.interim + [facts.FRAGILE] * part.fragile
    said = f" ({', '.join(flags)})" if flags else ""
    return f"{SIGNS[part.verdict].symbol} {findings.part_verdict(part)}{said}"


def across(results: Results) -> str:
    """Whether arms carry over from one workload to others."""
    if not results.across:
        return ""
    head = [
        "Arm",
        f"Mean over workloads, pp [{share(results.level)} interval]",
        "Another workload",
        "Each workload",
    ]
    rows = [
        [
            escape(f"{one.name} vs {one.comparison}"),
            effect(one.mean),
            findings.prediction(one),
            "; ".join(f"{escape(w)} {measured(e)}" for w, e in zip(one.workloads, one.effects, strict=True)),
        ]
        for one in results.across
    ]
    lines = [
        f"- **{escape(one.name)}**: {escape(f'{one.sentence} {findings.heterogeneity(one)}')}"
        for one in results.across
    ]
    return "\n\n".join(("## Does it carry over?", table(head, rows, (0, 3)), "\n".join(lines)))


def target(group: Group) -> str:
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
    listing = table(["Arm", "Reached", "Median", "Comparison's median"], rows, (0, 1))
    return f"**Time to target.** {findings.target_caption(group)}\n\n{listing}" if rows else ""


def cost(group: Group, level: float) -> str:
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
    listing = table(
        ["Arm", f"Whole run {sure}", f"Accuracy, % {sure}", "Pareto front", "Time"], rows, (0, 3, 4)
    )
    return f"**Accuracy against cost.**\n\n{listing}" if rows else ""


def timing(results: Results) -> str:
    """The timing session, and what building and compiling cost."""
    if not results.timing:
        return ""
    lines = [findings.session(results.timing)]
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
    return "**Training time.**\n" + bullets(lines)


def mishaps(group: Group) -> str:
    """The runs that did not finish."""
    lines = [f"{arm.name}: {facts.mishaps(arm)}" for arm in group.everyone if facts.mishaps(arm)]
    return f"**Runs that did not finish.**\n{bullets(lines)}" if lines else ""


def noise(group: Group) -> str:
    """How noisy the workload is."""
    if group.noise is None:
        return ""
    lines = [f"{name}: {value} ({meaning})" for name, value, meaning in findings.noise_lines(group.noise)]
    lines += [
        f"{arm}: outlying seeds {seeds} (shown, never dropped)" for arm, seeds in findings.outlying(group)
    ]
    return f"**How noisy is this?**\n{bullets(lines)}"


def decided(results: Results) -> str:
    """Phases, amendments, openings and what was left out."""
    lines = [
        f"{findings.phase_title(phase)}: {numbered(phase.runs, 'run')}, seeds {listed(phase.seeds)}; {phase.rule}"
        for phase in results.phases
    ]
    lines += [
        f"amendment of {entry.written[:10]}, after {entry.finished_runs} finished runs: {entry.reason}"
        for entry in results.amendments
    ]
    lines += [f"the test set was opened: {written}" for written in results.openings]
    lines += [f"left out of the design: {name} ({reason})" for name, reason in results.dropped.items()]
    return f"**How this was decided.**\n{bullets(lines)}" if lines else ""
