"""The timing session on real tiny studies: what the file holds, what is left out, what is refused."""

import json
import os
import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from typer.testing import CliRunner

from trickbag.analyze.time import session_of, time_results
from trickbag.cli.main import app
from trickbag.errors import InputError
from trickbag.lab import freeze
from trickbag.recipe import Machine, Recipe, apply
from trickbag.records.chain import append_entry, read_plan
from trickbag.records.plan import Phase, Plan
from trickbag.records.timing import TIMING, TimingFile, read_timing
from trickbag.run import other_load, turns
from trickbag.run.locks import study_lock
from trickbag.run.other_load import LoadMeter
from trickbag.run.single import train_recipe
from trickbag.run.timing import time_study
from trickbag.run.turns import Turns
from trickbag.study import Study
from trickbag.train import build_session, lap, resolve
from trickbag.train.session import set_backends

SMALL = {"model.channels": [8, 8, 8], "budget.epochs": 2, "data.limit": 320}
WIDE = {"name": "wide", "set": {"model.channels": [48, 48, 48]}}


class Notes:
    """Listens and remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.turns = 0

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, what: str, turns: int) -> None:
        self.said.append(f"{what}: {turns} turns")

    def turn(self) -> None:
        self.turns += 1


def make(out: Path, machine: Machine, **fields: object) -> Plan:
    plain = {
        "name": "s",
        "baseline": "digits_baseline",
        "factors": ["cosine", WIDE],
        "seeds": 3,
        "margin": 0.5,
    }
    own = {**plain, "set": SMALL, "machine": machine.model_dump(), **fields}
    return freeze(Study.model_validate(own), out)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks around for a moment only before a session starts."""
    monkeypatch.setattr("trickbag.run.timing.LOOK_AROUND", 0.01)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> tuple[Path, str]:
    """A study that was timed before any run, and what the command printed."""
    out = tmp_path_factory.mktemp("timed") / "out"
    make(out, machine, factors=["cosine", WIDE, "large_batch"])
    result = CliRunner().invoke(app, ["time", str(out), "rounds=5", "steps=6"])
    assert result.exit_code == 0, result.output
    return out, result.output


def read(out: Path) -> TimingFile:
    timing = session_of(out, read_plan(out))
    assert timing is not None
    return timing


def test_every_arm_has_a_turn_in_every_round(timed: tuple[Path, str]) -> None:
    timing, arms = read(timed[0]), {"baseline", "cosine", "wide", "large_batch"}
    rounds = {
        number: [lap.arm for lap in laps] for number, laps in groupby(timing.laps, lambda lap: lap.round)
    }
    assert list(rounds) == [1, 2, 3, 4, 5]
    assert all(sorted(order) == sorted(arms) for order in rounds.values())
    assert len({tuple(order) for order in rounds.values()}) > 1, "the order is drawn for each round"
    assert {lap.steps for lap in timing.laps} == {6}
    assert {s.arm for s in timing.startups} == arms
    assert 0 <= timing.other_load <= 1


def test_steps_are_projected_to_whole_runs(timed: tuple[Path, str]) -> None:
    """320 images, 2 epochs: 20 steps of 32 images; linear scaling's batch of the large one follows the paper."""
    plan, totals = read_plan(timed[0]).plan(), {s.arm: s.total_steps for s in read(timed[0]).startups}
    batch = plan.arm("digits", "large_batch").recipe["budget"]["batch_size"]
    assert totals == {"baseline": 20, "cosine": 20, "wide": 20, "large_batch": 2 * (320 // batch)}


def test_a_much_larger_network_is_slower(timed: tuple[Path, str]) -> None:
    """Six times the channels: several times the work; found on any machine."""
    found = {
        pair.arm: each for pair, each in time_results(read_plan(timed[0]).plan(), read(timed[0])).items()
    }
    assert found["wide"].verdict == "slower"
    assert found["wide"].time.ratio > 1.5
    assert found["wide"].time.rounds == 5


def test_the_command_says_what_comes_and_what_came(timed: tuple[Path, str]) -> None:
    assert "digits: 4 arms, 5 rounds and one to warm up, turns of 6 steps" in timed[1]
    assert re.search(r"wide +baseline +\+\d+\.\d % .* slower", timed[1])
    assert f"session: {timed[0] / TIMING}" in timed[1]


def test_again_replaces_and_says_so(timed: tuple[Path, str], tmp_path: Path, machine: Machine) -> None:
    make(tmp_path / "out", machine, factors=["cosine"])
    notes = Notes()
    (tmp_path / "out" / TIMING).write_text("{}")
    time_study(tmp_path / "out", machine, Turns(rounds=2, steps=1), notes)
    assert any("replaces an earlier session that cannot be read" in text for text in notes.said)
    time_study(tmp_path / "out", machine, Turns(rounds=3, steps=1), notes)
    assert any(re.match(r"replaces the session of 20.*, 2 rounds", text) for text in notes.said)
    assert read(tmp_path / "out").rounds == 3


def test_a_turn_lasts_about_half_a_second(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison whose step takes .02 s needs 25 of them; one whose step takes a second still gets five."""
    for seconds, steps in ((0.02, 25), (1.0, 5)):
        monkeypatch.setattr(turns, "lap", lambda session, count, pace=seconds: pace * count)
        make(tmp_path / str(steps), machine, factors=["cosine"])
        timing = time_study(tmp_path / str(steps), machine, Turns(rounds=2), Notes())
        assert {lap.steps for lap in timing.laps} == {steps}


def test_an_interrupted_session_leaves_no_file(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "out", machine, factors=["cosine"])
    monkeypatch.setattr(turns, "lap", _raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        time_study(tmp_path / "out", machine, Turns(rounds=2, steps=1), Notes())
    assert read_timing(tmp_path / "out") is None
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"plan.json", "study.yaml", ".lock"}


def _raising(error: BaseException) -> Callable[..., float]:
    def lap(*args: object) -> float:
        raise error

    return lap


def test_arms_that_do_not_fit_together_are_timed_in_halves(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory for two sessions: three comparisons become three blocks, each with the baseline in it."""
    plan = make(tmp_path / "out", machine, factors=["cosine", WIDE, "label_smoothing"])
    notes, start, alive = Notes(), turns.Timekeeper._ready, [2]

    def ready(self: turns.Timekeeper, arms: list[object]) -> object:
        return start(self, arms) if len(arms) <= alive[0] else None  # type: ignore[arg-type]

    monkeypatch.setattr(turns.Timekeeper, "_ready", ready)
    timing = time_study(tmp_path / "out", machine, Turns(rounds=2, steps=1), notes)
    assert sum("do not fit into memory together: in two halves" in text for text in notes.said) == 2
    assert [(lap.round, lap.arm) for lap in timing.laps if lap.arm == "baseline"] == [
        (number, "baseline") for number in range(1, 7)
    ]
    assert {pair.arm: each.time.rounds for pair, each in time_results(plan, timing).items()} == {
        "cosine": 2, "wide": 2, "label_smoothing": 2,
    }  # fmt: skip
    alive[0] = 1
    with pytest.raises(InputError, match="cosine and baseline do not fit into memory together"):
        time_study(tmp_path / "out", machine, Turns(rounds=2, steps=1), notes)


def test_running_out_of_memory_is_noticed(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "out", machine, factors=["cosine"])
    monkeypatch.setattr(
        "trickbag.run.timing.start_session", _raising(torch.OutOfMemoryError("CUDA out of memory"))
    )
    with pytest.raises(InputError, match="cosine and baseline do not fit into memory together"):
        time_study(tmp_path / "out", machine, Turns(rounds=2, steps=1), Notes())


def test_only_what_screening_passed_on_is_timed(tmp_path: Path, machine: Machine) -> None:
    plan = make(tmp_path / "out", machine, screen={"seeds": 1, "keep": 1})
    confirm = Phase(name="confirm", runs=tuple(run for run in plan.runs if run.arm != "wide"))
    append_entry(tmp_path / "out", "phase", {"phase": confirm.model_dump(mode="json"), "later": []}, "", 3)
    timing = time_study(tmp_path / "out", machine, Turns(rounds=2, steps=2), Notes())
    assert {startup.arm for startup in timing.startups} == {"baseline", "cosine"}


def test_an_arm_that_fails_is_left_out_by_name(tmp_path: Path, machine: Machine) -> None:
    (tmp_path / "mine.py").write_text(
        "class Fails:\n    rank = 1\n    def __call__(self, x, draws): raise RuntimeError('my mistake')\n"
    )
    fails = {"name": "fails", "set": {"sample": {"mine.py:Fails": {}}}}
    study = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine", fails], "seeds": 3, "margin": 0.5,
             "set": SMALL, "machine": machine.model_dump(mode="json")}  # fmt: skip
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps(study))
    plan, notes = freeze(str(file), tmp_path / "out"), Notes()
    timing = time_study(tmp_path / "out", machine, Turns(rounds=2, steps=1), notes)
    assert timing.left_out == {"digits: fails": "RuntimeError: my mistake"}
    assert "fails is left out: RuntimeError: my mistake" in notes.said
    assert [pair.arm for pair in time_results(plan, timing)] == ["cosine"]


def test_students_need_their_teacher_first(tmp_path: Path, machine: Machine) -> None:
    """Refused before the teacher was trained, timed after that; the teacher itself is not timed."""
    out = tmp_path / "out"
    make(out, machine, factors=["distillation"], teacher={"set": {"model.width": 2.0}})
    with pytest.raises(
        InputError, match=r"arm distillation: its teacher's weights, runs/teacher.* run the study"
    ):
        time_study(out, machine, Turns(rounds=2, steps=1), Notes())
    teacher = read_plan(out).plan().arm("digits", "teacher")
    place = out / "runs" / f"teacher-{teacher.fingerprint}-s1"
    train_recipe(Recipe.model_validate(teacher.recipe), 1, machine, out=place)
    timing = time_study(out, machine, Turns(rounds=2, steps=1), Notes())
    assert {lap.arm for lap in timing.laps} == {"baseline", "distillation"}


def test_wrong_input(timed: tuple[Path, str], tmp_path: Path, machine: Machine) -> None:
    def said(*words: str) -> str:
        result = CliRunner().invoke(app, ["time", str(timed[0]), *words])
        assert result.exit_code == 2
        return result.stderr

    assert "unknown field 'round'; did you mean 'rounds'?" in said("round=3")
    assert "rounds: input should be greater than or equal to 2, found 1" in said("rounds=1")
    assert "machine.threads: the plan was frozen with 1, not 2" in said("machine.threads=2")
    with study_lock(timed[0]), pytest.raises(InputError, match=f"already being run by process {os.getpid()}"):
        time_study(timed[0], machine, Turns(), Notes())
    with pytest.raises(InputError, match="no study was planned here"):
        time_study(tmp_path, machine, Turns(), Notes())


def test_switches_of_the_process_are_those_of_the_turn(small: Recipe, machine: Machine) -> None:
    """Two sessions that differ in TF32 take turns; each sees its own switch, whoever was built last."""
    sessions = [
        build_session(resolve(apply(small, {"precision.tf32": tf32}), machine), 1, machine)
        for tf32 in (True, False)
    ]
    seen = []
    for session in [*sessions, *sessions]:
        session.model.register_forward_hook(lambda *_: seen.append(torch.backends.cuda.matmul.allow_tf32))
        seen.clear()
        lap(session, 1)
        assert set(seen) == {session.recipe.precision.tf32}


def test_laps_go_through_the_run_and_begin_again(small: Recipe, machine: Machine) -> None:
    """400 images, 2 epochs of 12 steps: after 10 + 1 and 15 + 1 steps the run stands at its step 3."""
    session = build_session(resolve(small, machine), 1, machine)
    assert session.resolved.total_steps == 24
    assert lap(session, 10) > 0
    lap(session, 15)
    assert session.step == 3


def test_every_structure_in_a_process_is_compiled(small: Recipe) -> None:
    """torch.compile gives up on the ninth structure of a class in one process, unless told otherwise."""

    class Stack(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    set_backends(apply(small, {"precision.compile": True}))
    counter = CompileCounter()
    for depth in range(1, 13):
        stack = Stack(*[nn.Linear(2, 2) for _ in range(depth)])
        torch.compile(stack, backend=counter)(torch.ones(1, 2))
        assert counter.frame_count == depth


def test_the_load_of_others_is_all_load_less_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """proc(5): 100 ticks a second. In 10 s of 4 cores all were busy for 12 s, we for 10 s: others 2 of 40, 5 %."""
    stat, clock = tmp_path / "stat", iter([0.0, 10.0])
    stat.write_text("cpu  1000 0 500 9999 9999 0 0 0 7 7\ncpu0 1 1\n")
    monkeypatch.setattr(other_load, "STAT", stat)
    monkeypatch.setattr(other_load, "perf_counter", lambda: next(clock))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    own = iter([1.0, 11.0])
    monkeypatch.setattr(other_load, "_own", lambda: next(own))
    meter = LoadMeter()
    with meter.measuring():
        stat.write_text("cpu  1900 100 600 99999 9999 50 25 25 7 7\ncpu0 1 1\n")
    assert meter.share == pytest.approx(0.05)


def test_where_nobody_counts_the_load_average_must_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """macOS: a load average of 1.5 on 4 cores, of which we are 1.0: others use an eighth."""
    clock, own = iter([0.0, 10.0]), iter([0.0, 10.0])
    monkeypatch.setattr(other_load, "STAT", tmp_path / "none")
    monkeypatch.setattr(other_load, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(other_load, "_own", lambda: next(own))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.getloadavg", lambda: (1.5, 9.0, 9.0))
    meter = LoadMeter()
    with meter.measuring():
        pass
    assert meter.share == pytest.approx(0.125)
