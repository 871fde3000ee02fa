"""How much of its time training waits for images: counted, shown while it trains, and recorded."""

import io

import pytest
import torch
from rich.console import Console

from trickbag.cli.epochs import EpochLines
from trickbag.cli.live import state_table
from trickbag.recipe import Machine, Recipe
from trickbag.records.plan import PlannedRun
from trickbag.records.progress import EpochRow
from trickbag.run.state import ArmState, Running, State
from trickbag.train import Watch, build_session, resolve, train
from trickbag.train.clock import Clock

ROW = EpochRow(epoch=3, step=30, loss=1.0, lr=0.1, images_per_second=80.0, top1=50.0)


class Hands:
    """A clock that tells what it is set to."""

    def __init__(self, monkeypatch):
        self.time = 100.0
        monkeypatch.setattr("trickbag.train.clock.perf_counter", lambda: self.time)

    def go(self, seconds):
        self.time += seconds


def step(clock, hands, wait, work):
    with clock.waiting():
        hands.go(wait)
    hands.go(work)
    clock.step()


def test_waiting_is_the_part_of_the_training_time_that_went_by_before_images_came(monkeypatch):
    hands = Hands(monkeypatch)
    clock = Clock(torch.device("cpu"))
    clock.start()
    step(clock, hands, 50, 7)  # start-up, all of it
    assert clock.waited() is None
    step(clock, hands, 1, 3)
    assert clock.waited() == 25.0
    step(clock, hands, 3, 1)
    clock.pause()
    hands.go(1000)
    with clock.waiting():  # images of an average's statistics, between two epochs
        hands.go(1000)
    assert clock.lap(batch_size=20) == (5.0, 50.0)  # 40 images in 8 seconds, 4 of them waiting
    clock.start()
    step(clock, hands, 0, 4)
    assert clock.waited() == 0.0
    clock.pause()
    assert clock.lap(batch_size=20) == (5.0, 0.0)
    assert (clock.wait_seconds, clock.train_seconds, clock.startup_seconds) == (4.0, 12.0, 57.0)


def test_an_epoch_that_is_all_start_up_has_no_figure(monkeypatch):
    hands = Hands(monkeypatch)
    clock = Clock(torch.device("cpu"))
    clock.start()
    step(clock, hands, 5, 5)
    clock.pause()
    assert clock.lap(batch_size=20) == (None, None)


def test_a_starved_run_says_so_while_it_trains_and_in_its_record(
    small: Recipe, machine: Machine, monkeypatch
):
    hands = Hands(monkeypatch)
    session = build_session(resolve(small, machine), 1, machine)
    inner = type(session.store).batches

    def slow(store, steps):
        for batch in inner(store, steps):
            hands.go(3)
            yield batch

    monkeypatch.setattr(type(session.store), "batches", slow)
    told = []
    watch = Watch(on_step=lambda step, waited: (told.append(waited), hands.go(1)))
    train(session, watch)
    steps = session.resolved.steps_per_epoch
    assert told[0] is None  # the first step is start-up
    first, second = session.rows
    assert first.waiting == pytest.approx(100 * 3 * (steps - 1) / (3 * (steps - 1) + steps))
    assert second.waiting == pytest.approx(75.0)
    assert told[-1] == pytest.approx(100 * 3 * steps / (4 * steps - 1))  # before the last step's own second
    assert session.clock.timings().wait_seconds == 3 * (2 * steps - 1)


def test_it_stands_in_the_lines_of_the_epochs_and_in_the_bar():
    console = Console(file=io.StringIO(), width=120)
    with EpochLines(console) as lines:
        lines.begin(30, 1000, "cpu")
        lines.step(1, None)
        lines.step(12, 41.7)
        assert lines._bar.tasks[0].fields["waited"] == "waiting for data 42 % of the time"
        lines.epoch(ROW.model_copy(update={"waiting": 12.3}))
        lines.epoch(ROW)
    head, first, second = console.file.getvalue().splitlines()[1:4]
    assert head.endswith("images/s   wait")
    assert first.endswith("80   12 %")
    assert second.endswith("80      –")
    assert len(first) == len(head)


@pytest.mark.parametrize(("waiting", "shown"), [(None, False), (9.0, False), (62.0, True)])
def test_the_table_of_a_study_shows_it_where_it_is_much(waiting, shown):
    run = PlannedRun(id="r", workload="w", arm="a", fingerprint="f", seed=1)
    row = ROW.model_copy(update={"waiting": waiting})
    arms = (ArmState("w", "a", 0, 1, None, {}),)
    console = Console(file=io.StringIO(), width=120)
    console.print(state_table(State(1, 0, arms, (Running(run, row, 9),), None), None))
    assert ("(waits for data 62 % of the time)" in console.file.getvalue()) == shown
    assert "epoch 3/9" in console.file.getvalue()
