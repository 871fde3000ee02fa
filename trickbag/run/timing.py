"""The timing session: every judged arm and its comparison in turns, one process, nobody else at work.

Clocks drift by percents over minutes, so arms that are timed one after the other differ without any
difference. Here every arm has one short turn in every round, and only turns of one round are compared.
"""

import os
import time
from pathlib import Path

import torch
from torch import nn

from trickbag.errors import InputError
from trickbag.recipe import Machine, leaves
from trickbag.records.chain import read_plan
from trickbag.records.files import provenance
from trickbag.records.plan import Arm, Plan
from trickbag.records.timing import TimingFile, load_warning, read_timing, write_timing
from trickbag.run.driver import as_planned
from trickbag.run.finish import describe_machine
from trickbag.run.locks import study_lock
from trickbag.run.other_load import LoadMeter
from trickbag.run.planned import resolve_planned
from trickbag.run.turns import TURN_SECONDS, Timekeeper, TimingListener, Turns, judged_arms
from trickbag.train import Session, device_of, start_session

LOOK_AROUND = 1.0  # seconds before the start in which the load of others is measured
SEED = 1  # of all sessions; the pace does not depend on it
TEACHER = "loss.distillation.teacher"


def time_study(folder: Path, machine: Machine, turns: Turns, listener: TimingListener) -> TimingFile:
    """Time a study's arms against their comparisons and write timing.json, whole, at the end.

    An earlier session is replaced; an interrupted one leaves nothing. Raises InputError where the folder is
    in use, the machine is not the planned one, a teacher's weights are missing, or nothing can be timed.
    """
    file = read_plan(folder)
    plan = file.plan()
    machine = as_planned(plan, machine)
    if machine.devices > 1:
        raise InputError(
            f"machine.devices: the plan has {machine.devices}, but times are taken on one device; the times in the "
            "runs' records are those of all devices together"
        )
    _need_teachers(folder, plan)

    def start(arm: Arm) -> tuple[Session, float]:
        resolved = resolve_planned(folder, plan, arm, arm.fingerprint, machine)
        return start_session(resolved, SEED, machine)

    with study_lock(folder):
        torch.set_num_threads(machine.threads)
        before = _load_before(listener)
        _wake(device_of(machine))
        keeper = Timekeeper(start, turns, listener)
        for workload in plan.workloads:
            pairs = plan.standing(workload.name)
            listener.say(_announcement(workload.name, len(judged_arms(plan, pairs)), turns))
            keeper.take_turns(plan, pairs)
        timing = _file(keeper, file.entries[0].hash, machine, before)
        _tell_replaced(folder, listener)
        write_timing(folder, timing)
    return timing


def _need_teachers(folder: Path, plan: Plan) -> None:
    """InputError where a student's teacher has not been trained yet."""
    pairs = [pair for workload in plan.workloads for pair in plan.standing(workload.name)]
    for arm in judged_arms(plan, pairs):
        weights = str(dict(leaves(arm.recipe)).get(TEACHER, ""))
        if weights.startswith("runs/") and not (folder / weights).exists():
            raise InputError(
                f"arm {arm.name}: its teacher's weights, {weights}, are not there; run the study first, "
                "with machine.keep=teachers"
            )


def _load_before(listener: TimingListener) -> float:
    """The share of the cores that others use just before the start."""
    meter = LoadMeter()
    with meter.measuring():
        time.sleep(LOOK_AROUND)
    if warning := load_warning(meter.share):
        listener.say(f"before the start, {warning}")
    return meter.share


def _wake(device: torch.device) -> None:
    """Pay for what a process pays once, contexts and libraries, before the first arm's start-up is timed."""
    images, layer = torch.ones(1, 1, 8, 8, device=device), nn.Conv2d(1, 1, 3, device=device)
    layer(images).sum().backward()
    torch.optim.SGD(layer.parameters()).step()  # the first step of an optimizer imports for seconds


def _announcement(workload: str, arms: int, turns: Turns) -> str:
    """What is to come, and how long it will take."""
    length = f"{turns.steps} steps" if turns.steps else f"about {TURN_SECONDS:g} s"
    total = "" if turns.steps else f", about {arms * (turns.rounds + 1) * TURN_SECONDS:.0f} s in all"
    return (
        f"{workload}: {arms} arms, {turns.rounds} rounds and one to warm up, turns of {length}{total}, "
        "and their start-up"
    )


def _file(keeper: Timekeeper, plan_hash: str, machine: Machine, before: float) -> TimingFile:
    """The session as it is written; InputError where it is empty."""
    if not keeper.laps:
        raise InputError(f"no arm could be timed: {'; '.join(keeper.left_out.values())}")
    return TimingFile(
        plan_hash=plan_hash,
        rounds=keeper.turns.rounds,
        laps=tuple(keeper.laps),
        startups=tuple(keeper.startups.values()),
        left_out=keeper.left_out,
        other_load=keeper.load.share,
        other_load_before=before,
        machine={**describe_machine(machine), "cores": os.cpu_count()},
        provenance=provenance(),
    )


def _tell_replaced(folder: Path, listener: TimingListener) -> None:
    """Say which session the new one replaces."""
    try:
        earlier = read_timing(folder)
    except InputError as error:
        listener.say(f"replaces an earlier session that cannot be read ({error})")
        return
    if earlier:
        listener.say(f"replaces the session of {earlier.provenance['written']}, {earlier.rounds} rounds")
