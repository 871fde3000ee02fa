"""What `trickbag status` says beside the table of arms: who works on what, what is left, and for what it waits."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from trickbag.cli.live import duration, grouped
from trickbag.run.holder import Holder
from trickbag.run.state import Running, State, Tracker
from trickbag.run.waiting import reasons, used_up

JOB = 12  # characters of a job's number; Ray's have 48, most of which all tasks share
MOST = 20  # runs under way that are listed; --json has all


def status_lines(tracker: Tracker, state: State, holder: Holder | None) -> Iterator[str]:
    """The lines below the table."""
    if holder or state.ended < state.planned:
        here = holder and holder.model_copy(update={"since": _clock(holder.since)})
        yield f"run by {here}" if here else "nobody runs the study now"
    if (eta := state.eta()) is not None and state.ended < state.planned:
        yield f"to go: about {duration(eta)}, {len(state.running)} side by side"
    yield from _some([f"running: {_where(each)}{_to_go(state, each)}" for each in state.running])
    yield from _some([f"no word: {_where(each)}, last sign of life {_ago(each)}" for each in state.silent])
    yield from _some([f"interrupted: {_where(each)}; {_goes_on(each)}" for each in state.interrupted])
    for why, count in reasons(tracker, state, holder is not None).items():
        yield f"waiting: {count} for {why}"
    if capped := used_up(tracker):
        yield capped


def as_plain(tracker: Tracker, state: State, holder: Holder | None) -> dict[str, Any]:
    """The state for machines. Keys are only ever added.

    `planned`, `ended`: numbers of runs; `outcomes`: status -> ended runs; `seconds_per_run`: mean wall time of an
    ended one; `eta`: seconds to go; `driver`: host, process and since when, or null; `arms`: workload, name, done,
    planned, mean (percent), outcomes. `running`, `silent` (taken up on another host, no sign seen here) and
    `interrupted` list runs: id, workload, arm, seed, epoch (the last finished), epochs, waiting (percent of the
    epoch's time, spent waiting for images), engine, host, process, job, since (ISO 8601), seen (seconds since it
    last wrote), eta (seconds), checkpoint (there is one to go on from). `failed`: status, message, arms, runs;
    `waits`: why, runs; `stopped`: why no run may start, or empty. What is not known is null.
    """
    failed = grouped(tracker.records.values())
    return {
        "planned": state.planned,
        "ended": state.ended,
        "outcomes": state.outcomes,
        "seconds_per_run": state.seconds_per_run,
        "eta": state.eta(),
        "driver": holder.model_dump() if holder else None,
        "arms": [vars(arm) for arm in state.arms],
        "running": [_plain(state, each) for each in state.running],
        "silent": [_plain(state, each) for each in state.silent],
        "interrupted": [_plain(state, each) for each in state.interrupted],
        "failed": [
            {"status": status, "message": message, "arms": list(dict.fromkeys(arms)), "runs": len(arms)}
            for (status, message), arms in failed.items()
        ],
        "waits": [
            {"why": why, "runs": count} for why, count in reasons(tracker, state, holder is not None).items()
        ],
        "stopped": used_up(tracker),
    }


def _plain(state: State, each: Running) -> dict[str, Any]:
    """A run that was taken up, for machines."""
    started = each.started
    return {
        "id": each.run.id,
        "workload": each.run.workload,
        "arm": each.run.arm,
        "seed": each.run.seed,
        "epoch": each.row.epoch if each.row else 0,
        "epochs": each.epochs,
        "waiting": each.row.waiting if each.row else None,
        "engine": started.engine if started else None,
        "host": started.host if started else None,
        "process": started.process if started else None,
        "job": started.job or None if started else None,
        "since": started.written if started else None,
        "seen": each.seen,
        "eta": state.eta_of(each) if each.held else None,
        "checkpoint": each.saved,
    }


def _where(each: Running) -> str:
    """Which run, where it was taken up and when, and how far it is."""
    which = f"{each.run.arm}, seed {each.run.seed}"
    if started := each.started:
        worker = f"job {started.job[:JOB]}" if started.job else f"process {started.process}"
        which += f", {started.engine}, {worker} on {started.host}, since {_clock(started.written)}"
    return f"{which}, epoch {each.row.epoch if each.row else 0}/{each.epochs}"


def _to_go(state: State, each: Running) -> str:
    """How long a run still takes, where that is known."""
    eta = state.eta_of(each)
    return "" if eta is None else f", about {duration(eta)} to go"


def _goes_on(each: Running) -> str:
    """What becomes of an interrupted run."""
    return "goes on from its checkpoint" if each.saved else "has no checkpoint yet, so it starts afresh"


def _ago(each: Running) -> str:
    """How long ago a run last wrote something, and what becomes of it."""
    return f"{duration(each.seen)} ago; {_goes_on(each)} if it is dead"


def _clock(written: str) -> str:
    """A time in ISO 8601, as the clock here shows it, with the date where it is not today's."""
    then = datetime.fromisoformat(written).astimezone()
    today = then.date() == datetime.now(UTC).astimezone().date()
    return then.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def _some(lines: list[str]) -> list[str]:
    """The lines, or the first of them and how many more there are."""
    rest = len(lines) - MOST
    return lines if rest <= 0 else [*lines[:MOST], f"and {rest} more; --json lists them"]
