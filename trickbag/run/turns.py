"""Turns: the arms of some comparisons take short turns, in an order drawn for every round."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

import torch
from pydantic import Field

from trickbag.errors import InputError
from trickbag.recipe import Frozen
from trickbag.records.plan import Arm, Comparison, Plan
from trickbag.records.timing import Lap, Startup
from trickbag.rng import Streams
from trickbag.run.other_load import LoadMeter
from trickbag.train import Session, lap

TURN_SECONDS = 0.5  # long against a scheduler's slice, short against the drift of a clock
FEWEST_STEPS = 5


class Turns(Frozen):
    """How long a timing session is."""

    rounds: int = Field(10, ge=2, description="Turns of every arm.")
    steps: int | None = Field(
        None, ge=1, description="Steps of a turn; null: half a second of the comparison's, at least 5."
    )


class TimingListener(Protocol):
    """Who is told how a timing session goes."""

    def say(self, text: str) -> None:
        """Something to know, in one line."""

    def begin(self, what: str, turns: int) -> None:
        """So many turns follow."""

    def turn(self) -> None:
        """A turn is over."""


def judged_arms(plan: Plan, pairs: Sequence[Comparison]) -> list[Arm]:
    """The arms of comparisons, each fingerprint once, what is compared with first."""
    ordered = [(p.workload, p.comparison) for p in pairs] + [(p.workload, p.arm) for p in pairs]
    arms = [plan.arm(*key) for key in ordered]
    return list({(arm.workload, arm.fingerprint): arm for arm in reversed(arms)}.values())[::-1]


@dataclass
class Timekeeper:
    """What a timing session has measured so far."""

    start: Callable[[Arm], tuple[Session, float]]  # an arm's session after its first step, and the seconds
    turns: Turns
    listener: TimingListener
    laps: list[Lap] = field(default_factory=list)
    startups: dict[tuple[str, str], Startup] = field(default_factory=dict)  # by workload and arm
    left_out: dict[str, str] = field(default_factory=dict)  # `workload: arm` -> why
    load: LoadMeter = field(default_factory=LoadMeter)

    def take_turns(self, plan: Plan, pairs: Sequence[Comparison]) -> None:
        """Time the arms of a workload's comparisons, so that each meets its comparison in every round.

        Where their sessions do not fit into memory together, the comparisons are timed in two halves, one
        after the other. Raises InputError where a single comparison does not fit.
        """
        arms = judged_arms(plan, pairs)
        ready = self._ready(arms)
        if ready is not None:
            with self.load.measuring():
                self._rounds(ready)
            del ready
            _free_memory()
            return
        _free_memory()
        if len(pairs) == 1:
            raise InputError(f"{pairs[0].arm} and {pairs[0].comparison} do not fit into memory together")
        self.listener.say(f"{len(arms)} arms do not fit into memory together: in two halves")
        self.take_turns(plan, pairs[: len(pairs) // 2])
        self.take_turns(plan, pairs[len(pairs) // 2 :])

    def _ready(self, arms: Sequence[Arm]) -> list[tuple[Arm, Session]] | None:
        """The sessions of the arms that can start; None where they do not fit into memory together."""
        ready = []
        for arm in arms:
            try:
                session, seconds = self.start(arm)
            except torch.OutOfMemoryError:
                return None
            except InputError:
                raise
            except Exception as error:  # as in a run: what goes wrong in an arm is that arm's outcome
                self.left_out[f"{arm.workload}: {arm.name}"] = f"{type(error).__name__}: {error}"
                self.listener.say(f"{arm.name} is left out: {type(error).__name__}: {error}")
                continue
            ready.append((arm, session))
            startup = Startup(
                workload=arm.workload,
                arm=arm.name,
                fingerprint=arm.fingerprint,
                seconds=seconds,
                total_steps=session.resolved.total_steps,
            )
            self.startups.setdefault((arm.workload, arm.name), startup)
        return ready

    def _rounds(self, ready: Sequence[tuple[Arm, Session]]) -> None:
        """Rounds of turns; the first warms up and is not kept."""
        if not ready:
            return
        workload = ready[0][0].workload
        steps = self.turns.steps or _steps_of_a_turn(ready[0][1])
        self.listener.begin(f"{workload}: {steps} steps a turn", len(ready) * (self.turns.rounds + 1))
        first = 1 + max((each.round for each in self.laps if each.workload == workload), default=0)
        for number in range(first - 1, first + self.turns.rounds):
            for i in Streams(0).numpy(f"timing order of {workload}", number).permutation(len(ready)):
                arm, session = ready[i]
                seconds = lap(session, steps)
                self.listener.turn()
                if number >= first:
                    self.laps.append(
                        Lap(round=number, workload=workload, arm=arm.name, steps=steps, seconds=seconds)
                    )


def _steps_of_a_turn(comparison: Session) -> int:
    """Steps that take the comparison about half a second; the first lap of the two warms up."""
    seconds = [lap(comparison, FEWEST_STEPS) for _ in range(2)][1]
    return max(FEWEST_STEPS, ceil(FEWEST_STEPS * TURN_SECONDS / seconds))


def _free_memory() -> None:
    """Give back what sessions that are gone have held."""
    gc.collect()
    torch.cuda.empty_cache()
