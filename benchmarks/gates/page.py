"""docs/error_rates.md, from the counts alone."""

from collections.abc import Sequence
from itertools import groupby
from math import inf

from benchmarks.gates.gate import Gate
from benchmarks.gates.store import ROOT

PATH = ROOT / "docs" / "error_rates.md"

HEAD = """# Can I trust this? Our error rates, measured

Written by `make gates`, not by hand. Every line comes from simulated studies whose truth is known, judged by the
functions that `trickbag analyze` calls: {studies:,} studies per line, or as many as the line says. Seeds are fixed,
so the same code gives the same page. Raw counts: [`gates.json`](../benchmarks/results/gates.json).

{verdict}

Reading: a rate ± its standard error, and the band that it must lie in. The method assumes normal noise of one
variance. There the error must be at most the nominal 5 % (+ 3 standard errors), and where the test is exact (one or
two arms, Dunnett's test, sums over cells) no less either. Three arms and more borrow from each other and share a
prior that is counted as if each had its own, which is a little conservative: no band asks them for exactly 5 %, but
less than 4 % (- 3 standard errors) would be power given away. Everywhere else at most 6 % of studies may make a false
claim that is not marked *fragile*, with five seeds or more; three seeds are for screening, not claims.
A line without a band is for information. Power has one band: that of a single arm is the noncentral t's.
"SD" is the seed SD of one arm; "lost a seed" means that its last run did not finish.
"""


def page(gates: Sequence[tuple[Gate, int]], studies: int) -> str:
    """The page; `gates` with the number of studies of each."""
    missed = [gate for gate, _ in gates if not gate.ok]
    checked = sum(gate.gated for gate, _ in gates)
    words = (
        f"**All {checked} gates hold.**"
        if not missed
        else f"**{len(missed)} of {checked} gates are missed.**"
    )
    parts = [HEAD.format(studies=studies, verdict=words)]
    order = {section: i for i, section in reversed(list(enumerate(gate.section for gate, _ in gates)))}
    for section, members in groupby(sorted(gates, key=lambda g: order[g[0].section]), lambda g: g[0].section):
        parts.append(
            f"\n## {section}\n\n| planted | measured | rate ± SE | band | |\n|---|---|---|---|---|\n"
        )
        parts += [line(gate, own if own != studies else None) for gate, own in members]
    return "".join(parts)


def line(gate: Gate, studies: int | None) -> str:
    """A row of a table."""
    note = f" ({studies:,} studies)" if studies else ""
    mark = ("ok" if gate.ok else "**missed**") if gate.gated else ""
    rate = f"{gate.value:.4f} ± {gate.se:.4f}" if gate.se else f"{gate.value:.3g}"
    return f"| {gate.planted} | {gate.measured}{note} | {rate} | {band(gate)} | {mark} |\n"


def band(gate: Gate) -> str:
    """The band in words."""
    if not gate.gated:
        return ""
    if gate.low == -inf:
        return f"≤ {gate.high:.4f}"
    return f"≥ {gate.low:.4f}" if gate.high == inf else f"{gate.low:.4f} to {gate.high:.4f}"
