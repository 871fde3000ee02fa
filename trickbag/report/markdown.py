"""report.md: the verdicts as a Markdown table, a sentence per arm, what else was found and what is not claimed."""

from trickbag.records.result import ArmResult, Results
from trickbag.report import facts, findings
from trickbag.report.groups import Group, groups, label
from trickbag.report.markdown_findings import (
    across,
    attributions,
    cost,
    decided,
    mishaps,
    noise,
    target,
    timing,
)
from trickbag.report.markdown_text import bullets, effect, escape, table
from trickbag.report.wording import SIGNS, TIME_CAVEAT, measured, number, share


def render_markdown(results: Results) -> str:
    """The whole page."""
    parts = [f"# {escape(results.study)}", escape(results.question)]
    parts.append(f"**Bottom line.** {escape(results.bottom_line)}")
    for group in groups(results):
        if len(results.baselines) > 1:
            parts.append(f"## {escape(group.workload)}")
        parts += [_verdicts(group, results), _sentences(group, results), _screened(group, results)]
        parts += [*attributions(group, results.level), target(group), cost(group, results.level)]
        parts += [mishaps(group), noise(group)]
    parts += [across(results), timing(results), decided(results)]
    parts.append("**Scope.**\n" + bullets(findings.scope_lines(results)))
    parts.append(f"**Not claimed.** {escape(results.not_claimed)}")
    parts.append(
        f"Plan {escape(results.plan_hash[:12])}, frozen {escape(results.planned[:10])}; "
        f"{results.runs_done} of {results.runs_planned} runs done; "
        f"{facts.opened(results)}. Times marked indicative are {TIME_CAVEAT}."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdicts(group: Group, results: Results) -> str:
    """The baseline and one row per judged arm."""
    head = ["Arm", "Accuracy, %", f"Effect, pp [simultaneous {share(results.level)} interval]"]
    head += ["Verdict", "Seeds", "Training time (indicative)", "Time verdict"]
    base = group.baseline
    rows = [
        [escape(base.name), number(base.mean), "", "reference", str(base.seeds), facts.indicative(base), ""]
    ]
    rows += [_row(arm, group) for arm in group.judged]
    if any(arm.balanced_mean is not None for arm in (base, *group.judged)):
        head.append("Balanced accuracy, %")
        rows = [
            [*row, number(arm.balanced_mean)] for row, arm in zip(rows, (base, *group.judged), strict=True)
        ]
    if any(arm.test for arm in group.judged):
        head.append("Effect on the test images, pp")
        rows = [[*row, effect(arm.test) if arm and arm.test else ""] for row, arm in _with(rows, group)]
    if any(arm.published is not None for arm in group.everyone):
        head.append(f"Published ({escape(facts.published_sources(group.everyone))})")
        printed = [facts.published(arm).removeprefix("published ") for arm in (base, *group.judged)]
        rows = [[*row, cell] for row, cell in zip(rows, printed, strict=True)]
    if any(arm.new_images for arm in group.judged):
        head.append("On new images like these, pp")
        rows = [
            [*row, measured(arm.new_images) if arm and arm.new_images else ""]
            for row, arm in _with(rows, group)
        ]
    rows += [_foreign_row(name, why, len(head)) for name, why in group.foreign.items()]
    return table(head, rows, (0, 3, 6))


def _foreign_row(name: str, why: str, columns: int) -> list[str]:
    """The row of a factor that means nothing on this workload."""
    return [escape(name), "–", "–", f"not applicable: {escape(why)}", *[""] * (columns - 4)]


def _with(rows: list[list[str]], group: Group) -> list[tuple[list[str], ArmResult | None]]:
    """Rows with their arms; the baseline's has none."""
    return list(zip(rows, (None, *group.judged), strict=True))


def _row(arm: ArmResult, group: Group) -> list[str]:
    """An arm's row."""
    size = effect(arm.accuracy) if arm.accuracy else "–"
    flags = [words for words, _ in facts.marks(arm)]
    flags += [facts.level(arm)] if arm.ledger.level != "T0" else []
    verdict = f"{SIGNS[arm.verdict].symbol} {arm.verdict}" + (f" ({', '.join(flags)})" if flags else "")
    if arm.price:
        told = arm.price.text in arm.sentence
        verdict += f": {escape(facts.short_price(arm.price) if told else arm.price.text)}"
    name = escape(label(arm, group))
    time = facts.claim_on_time(arm)
    return [name, number(arm.mean), size, verdict, str(arm.seeds), facts.indicative(arm), time]


def _sentences(group: Group, results: Results) -> str:
    """What a practitioner should take from each arm, and what else is known of it."""
    lines = []
    for arm in group.judged:
        known = facts.arm_facts(arm, results)
        told = "; ".join(f"{f.name.lower()}: {f.value}" for f in known if not f.name.startswith("On "))
        lines.append(f"- **{escape(arm.name)}**: {escape(f'{arm.sentence} ({told})')}")
    return "\n".join(lines)


def _screened(group: Group, results: Results) -> str:
    """The arms that the screening left out."""
    if not group.screened:
        return ""
    title = f"**{findings.dropped_title(group, results)}** ({facts.OPTIMISTIC}; not evidence of no effect)"
    rows = [
        [
            escape(arm.name),
            measured(arm.accuracy) if arm.accuracy else "–",
            str(arm.seeds),
            escape(findings.why(arm, results)),
        ]
        for arm in group.screened
    ]
    return f"{title}\n\n" + table(["Arm", "Estimate, pp", "Seeds", "Why"], rows, (0, 3))
