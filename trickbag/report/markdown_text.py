"""Markdown: tables, lists and escaped words."""

import re
from collections.abc import Iterable, Sequence

from trickbag.records.result import Accuracy, Interval
from trickbag.report.wording import interval, points, visible


def escape(words: str) -> str:
    """Words from outside as Markdown text on one line, in and out of tables."""
    words = " ".join(visible(words).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    words = re.sub(r"([\\`*\[\]|~$#!])", r"\\\1", words)
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", words)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """A table of finished cells; the columns not in `left` are set right."""
    rule = ["---" if i in left else "--:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def bullets(lines: Iterable[str]) -> str:
    """Words from outside as a list."""
    return "\n".join(f"- {escape(line)}" for line in lines)


def effect(value: Accuracy | Interval) -> str:
    """An effect with its interval."""
    return f"**{points(value.effect)}** {interval(value.low, value.high)}"
