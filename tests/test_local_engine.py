"""The local engine: a worker that leaves takes no run with it, and none is charged with its end."""

import multiprocessing
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.answering_worker import leave_after_one, say_goodbye
from trickbag.run.engines.engine import Ended
from trickbag.run.engines.local import LocalEngine
from trickbag.run.engines.warm_workers import Started

GENEROUS = 120.0  # seconds


@pytest.fixture(autouse=True)
def _without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes, which need not import what training needs; they are not waited for when they leave."""

    def start(target: Callable[..., None], args: tuple[Any, ...], own: Mapping[str, str]) -> Started:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *args), daemon=True)
        process.start()
        theirs.close()
        return process, ours

    monkeypatch.setattr("trickbag.run.engines.local.start", start)
    monkeypatch.setattr("trickbag.run.engines.local.STOP_SECONDS", 0.1)


def heard(engine: LocalEngine) -> Ended:
    (ended,) = engine.wait(GENEROUS)
    return ended


def test_no_run_is_handed_to_a_process_that_leaves() -> None:
    """As after an error on a GPU: the worker ends, and its successor has the next run."""
    engine = LocalEngine(1, leave_after_one)
    try:
        engine.submit("a")
        first = heard(engine)
        engine.submit("b")
        second = heard(engine)
    finally:
        engine.cancel()
    assert (first.run_id, second.run_id) == ("a", "b")
    assert int(first.trouble) != int(second.trouble)  # process ids


def test_a_run_that_crossed_with_a_goodbye_is_not_charged_with_it() -> None:
    """As where a worker alone gets SIGTERM while a run is on its way to it."""
    engine = LocalEngine(1, say_goodbye)
    try:
        engine.submit("a")
        assert heard(engine) == Ended("a", "its worker was told to end", blameless=True)
        assert engine.free() == 1
    finally:
        engine.cancel()
