"""Ways of doing one thing, measured in turns: small chunks, one way behind the other, the order alternating."""

import gc
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from time import perf_counter, process_time

CLOCKS = {"cpu": process_time, "wall": perf_counter}
UNITS = {"cpu": "images per second of CPU time of one core", "wall": "images per second, wall clock"}

Way = Callable[[int], int]  # (number of the turn) -> images done


@dataclass(frozen=True)
class Measured:
    """Rates of some ways in each turn, and what is promised of some of them."""

    case: str
    clock: str  # "cpu" or "wall"
    reference: str  # the way that ratios are taken to
    rates: Mapping[str, list[float]]  # images per second, turn by turn
    limits: Mapping[str, float] = field(default_factory=dict)  # way -> the least ratio

    def ratio(self, way: str) -> float:
        """The median over the turns of how many times as fast as the reference a way is."""
        pairs = zip(self.rates[way], self.rates[self.reference], strict=True)
        return statistics.median(rate / other for rate, other in pairs)

    def plain(self) -> dict[str, object]:
        """As it is kept: the medians, the ratios, and every turn."""
        medians = {way: statistics.median(rates) for way, rates in self.rates.items()}
        ratios = {way: self.ratio(way) for way in self.rates}
        return {"unit": UNITS[self.clock], "medians": medians, "ratios": ratios, **asdict(self)}


def measure(
    case: str,
    ways: Mapping[str, Way],
    *,
    clock: str,
    reference: str,
    turns: int,
    limits: Mapping[str, float] | None = None,
) -> Measured:
    """Let the ways take turns; the first turn warms up and is not kept."""
    names, rates, now = list(ways), {way: list[float]() for way in ways}, CLOCKS[clock]
    for turn in range(turns + 1):
        for way in names if turn % 2 else reversed(names):
            gc.collect()
            started = now()
            count = ways[way](turn)
            if turn:
                rates[way].append(count / (now() - started))
    return Measured(case, clock, reference, rates, limits or {})
