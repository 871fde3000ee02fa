"""What was hit, how often, at what, and what came of it: a table in Markdown."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any


def table(found: Mapping[str, Any]) -> str:
    """The table of `docs/reliability.md`, from what `benchmarks/results/chaos.json` holds."""
    studies = found["studies"]
    hits = [(who, _short(said)) for study in studies for who, said in study["hits"]]
    counts = Counter(who for who, _ in hits)
    rows = [f"| {who} | {count} | {_at(hits, who)} |" for who, count in counts.items()]
    total = {
        name: sum(study[name] for study in studies) for name in ("commands", "runs", "resumed", "tracebacks")
    }
    wrong = [line for study in studies for line in study["wrong"]]
    return "\n".join(
        [
            f"{len(studies)} studies, {total['runs']} runs, {len(hits)} disturbances, {total['commands']} commands, "
            f"{total['resumed']} continuations from a checkpoint, {total['tracebacks']} tracebacks; seed "
            f"{found['seed']}, torch {found['torch']}, {found['machine']}, {found['minutes']:.0f} minutes.",
            "",
            "| what was hit | times | at what |",
            "|---|---|---|",
            *rows,
            "",
            f"Studies that came to anything else than the undisturbed one: {sum(bool(s['wrong']) for s in studies)}.",
            *wrong,
            *[f"Not hit although tried: {who}." for who in sorted(set(found["not_hit"]))],
        ]
    )


def _short(said: str) -> str:
    """What a hit met, without what differs from one to the next."""
    return re.sub(r"\S*/\S+", "…", said)


def _at(hits: list[tuple[str, str]], who: str) -> str:
    """How often which state was met, and the longest time that an end took."""
    said = [text for name, text in hits if name == who]
    seconds = [float(found[1]) for text in said if (found := re.search(r"after (\S+) s$", text))]
    states = Counter(re.sub(r" after \S+ s$", "", text) for text in said)
    longest = f"; within {max(seconds):.1f} s at most" if seconds else ""
    return "; ".join(f"{count} × {state}" for state, count in states.most_common()) + longest
