"""report.md: the verdicts as a Markdown table, with a sentence per arm and what is not claimed."""

import re

from trickbag.records.result import ArmResult, Results
from trickbag.report.wording import (
    SIGNS,
    TIME_CAVEAT,
    Group,
    claim_on_time,
    groups,
    indicative,
    interval,
    label,
    mishaps,
    noise_lines,
    number,
    points,
    scope_lines,
    share,
    visible,
)


def render_markdown(results: Results) -> str:
    """The whole page."""
    parts = [f"# {escape(results.study)}", escape(results.question)]
    parts.append(f"**Bottom line.** {escape(results.bottom_line)}")
    for group in groups(results):
        if len(results.baselines) > 1:
            parts.append(f"## {escape(group.workload)}")
        parts += [_table(group, results.level), _sentences(group), _mishaps(group), _noise(group)]
    parts.append("**Scope.**\n" + "\n".join(f"- {escape(line)}" for line in scope_lines(results)))
    parts.append(f"**Not claimed.** {escape(results.not_claimed)}")
    parts.append(
        f"Plan {escape(results.plan_hash[:12])}, frozen {escape(results.planned[:10])}; "
        f"{results.runs_done} of {results.runs_planned} runs done. Training times are {TIME_CAVEAT}."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(words: str) -> str:
    """Words from outside as Markdown text on one line, in and out of tables."""
    words = " ".join(visible(words).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    words = re.sub(r"([\\`*\[\]|~$#!])", r"\\\1", words)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", words)


def _table(group: Group, level: float) -> str:
    """The baseline and one row per arm."""
    head = ["Arm", "Accuracy, %", f"Effect, pp [simultaneous {share(level)} interval]"]
    head += ["Verdict", "Seeds", "Training time (indicative)", "Time verdict"]
    base = group.baseline
    rows = [[escape(base.name), number(base.mean), "", "reference", str(base.seeds), indicative(base), ""]]
    rows += [_row(arm, group) for arm in group.arms]
    lines = [head, ["---", *["--:"] * 2, "---", "--:", "--:", "---"], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(arm: ArmResult, group: Group) -> list[str]:
    """An arm's row."""
    a = arm.accuracy
    effect = f"**{points(a.effect)}** {interval(a.low, a.high)}" if a else "–"
    verdict = f"{SIGNS[arm.verdict].symbol} {arm.verdict}" + (" (fragile)" if arm.fragile else "")
    if arm.price:
        verdict += f": {escape(arm.price.text)}"
    name = escape(label(arm, group))
    return [name, number(arm.mean), effect, verdict, str(arm.seeds), indicative(arm), claim_on_time(arm)]


def _sentences(group: Group) -> str:
    """What a practitioner should take from each arm."""
    said = [(arm.name, arm.sentence) for arm in group.arms if arm.sentence]
    return "\n".join(f"- **{escape(name)}**: {escape(sentence)}" for name, sentence in said)


def _mishaps(group: Group) -> str:
    """The runs that did not finish."""
    lines = [f"- {escape(arm.name)}: {escape(mishaps(arm))}" for arm in group.everyone if mishaps(arm)]
    return "**Runs that did not finish.**\n" + "\n".join(lines) if lines else ""


def _noise(group: Group) -> str:
    """How noisy the workload is."""
    if group.noise is None:
        return ""
    lines = [f"- {name}: {value} ({meaning})" for name, value, meaning in noise_lines(group.noise)]
    return "**How noisy is this?**\n" + "\n".join(lines)
