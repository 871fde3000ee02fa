"""`python -m benchmarks.gates [STUDIES] [--jobs N] [--only TEXT]`: simulate what is missing, write the page."""

import argparse
import os
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import perf_counter

import numpy as np

from benchmarks.gates import bands, bands_designs, page, store
from benchmarks.gates.gate import Counts, Gate, Scenario

CHUNK = 250  # studies simulated at once, with a generator of their own


def scenarios() -> list[Scenario]:
    """Everything that is measured, in the order of the page."""
    return [*bands.scenarios(), *bands_designs.scenarios()]


def simulate_chunk(
    name: str, simulate: Callable[[np.random.Generator, int], Counts], chunk: int, studies: int
) -> Counts:
    """The counts of one chunk of a scenario; its random numbers depend on the name and the chunk alone."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), chunk])
    return {key: float(value) for key, value in simulate(rng, studies).items()}


def simulate(scenario: Scenario, studies: int, pool: ProcessPoolExecutor) -> Counts:
    """The counts of a scenario."""
    sizes = [min(CHUNK, studies - start) for start in range(0, studies, CHUNK)]
    work = partial(simulate_chunk, scenario.name, scenario.simulate)
    total: Counts = {}
    for counts in pool.map(work, range(len(sizes)), sizes):
        total = {key: total.get(key, 0.0) + value for key, value in counts.items()}
    return total


def main() -> int:
    """Exit code 1 when a gate is missed."""
    parser = argparse.ArgumentParser(description="Measure the error rates and write docs/error_rates.md.")
    parser.add_argument("studies", type=int, nargs="?", default=10_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument(
        "--only", default="", help="scenarios with this in their name; the page is not written"
    )
    chosen = parser.parse_args()
    found = store.read()
    todo = [s for s in scenarios() if chosen.only in s.name]
    gates: list[tuple[Gate, int]] = []
    for scenario in todo:
        store.digest(scenario.sources)  # before anything runs: sources may be edited meanwhile
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for scenario in todo:
            studies, start = max(round(chosen.studies * scenario.share), CHUNK), perf_counter()
            if not store.current(found, scenario, studies):
                found[scenario.name] = store.entry(scenario, studies, simulate(scenario, studies, pool))
                store.write(found)
            studies = found[scenario.name]["studies"]
            new = scenario.gates(found[scenario.name]["counts"], studies)
            gates += [(gate, studies) for gate in new]
            for gate in new:
                print(page.line(gate, studies).strip(), f"{perf_counter() - start:.0f} s", flush=True)
    if not chosen.only:
        store.write({s.name: found[s.name] for s in todo})
        page.PATH.write_text(page.page(gates, chosen.studies))
    return int(any(not gate.ok for gate, _ in gates))


if __name__ == "__main__":
    sys.exit(main())
