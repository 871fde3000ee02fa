"""A session: everything that one run trains with, built once from a resolved recipe and a seed."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from trickbag.averaging import Average
from trickbag.data import SampleOperation, Store, told
from trickbag.models import Family, build_model, input_statistics
from trickbag.recipe import Machine, Recipe
from trickbag.records.progress import EpochRow
from trickbag.rng import Streams
from trickbag.train.bits import Bits
from trickbag.train.build import (
    build_autocast,
    build_context,
    build_factor,
    build_loss,
    build_predict,
    build_update,
    builders,
    changed_model,
    recipe_optimizer,
)
from trickbag.train.clock import Clock
from trickbag.train.memory import keep_freed_memory
from trickbag.train.resolve import device_of
from trickbag.train.resolved import Resolved
from trickbag.train.seams import BatchOperation, Loss, Network, Order
from trickbag.train.shares import check_shares, parts_of, share_gradients, share_statistics
from trickbag.train.stores import build_stores
from trickbag.train.trial import model_parts
from trickbag.train.update import Update
from trickbag.train.world import World

COMPILED_STRUCTURES = 200  # of a network's class in one process; with evaluation, two per arm


@dataclass
class Session:
    """The parts of one run, and how far it is."""

    resolved: Resolved
    streams: Streams
    device: torch.device
    store: Store  # of the training images, which hold the validation images
    test_store: Store
    model: nn.Module
    forward: (
        nn.Module
    )  # the model, sharing its gradients with other processes, compiled where the recipe says so
    optimizer: torch.optim.Optimizer
    factor: Callable[..., float]  # of the peak rate: (step counted from 0, accuracies so far)
    order: Sequence[Order]
    sample: Sequence[SampleOperation]
    batch: Sequence[BatchOperation]
    loss: Loss
    update: Update
    average: Average | None
    predict: Callable[[Network], Network]  # the network as it classifies at evaluation
    autocast: AbstractContextManager[Any]
    scaler: torch.amp.GradScaler | None
    clock: Clock
    world: World  # the processes that train this run, and which of them this one is
    draws_itself: bool  # whether the network may draw, as dropout does; surgery may have put it there
    step: int = 0  # steps done
    loss_sum: Tensor = field(default_factory=lambda: torch.zeros(()))  # of the epoch under way
    buckets_ordered: bool = True  # whether the exchange of gradients has the order that it keeps
    rows: list[EpochRow] = field(default_factory=list)
    evaluated: nn.Module | None = None  # the average as it was last evaluated, where no step followed
    validation: Bits | None = None  # of the last epoch, where it was evaluated
    resumed: int = 0
    saved: float = field(default_factory=perf_counter)  # when the last checkpoint was written

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""
        return self.resolved.recipe

    @property
    def parts(self) -> int:
        """In how many parts, one after the other, a batch is taken."""
        return parts_of(self.recipe)

    def lr(self, step: int) -> float:
        """The learning rate of a step counted from 0, which may depend on the accuracies of the epochs so far."""
        history = [row.top1 for row in self.rows if row.top1 is not None]
        return self.recipe.optimizer.lr * self.factor(step, history)


def build_session(resolved: Resolved, seed: int, machine: Machine) -> Session:
    """Build everything that a run trains with; the global random state is neither used nor changed.

    Processes that have joined a world train one run together: each builds the same session, and takes its share of
    every batch. InputError where the batch cannot be shared out.
    """
    recipe, device, world = resolved.recipe, device_of(machine), World.current()
    check_shares(recipe, world.size)
    clock = Clock(device)
    clock.start()
    set_backends(recipe)
    if device.type == "cpu":
        keep_freed_memory()

    streams = Streams(seed, recipe.replica)
    model = build_model(*model_parts(recipe, resolved, resolved.base), streams=streams).to(device)
    store, test_store = build_stores(resolved, input_statistics(model), machine, device)
    context = build_context(resolved, streams, store, device, world)
    model = changed_model(resolved, context, model)
    share_statistics(model, recipe, world, device)
    forward, no_sync = share_gradients(model, world)
    optimizer = recipe_optimizer(resolved, model, streams)
    scaler = torch.amp.GradScaler(device.type) if recipe.precision.dtype == "fp16" else None
    store, sample = store.taking(
        [told(build(), store.mean) for build in builders(resolved, "sample")], streams
    )
    return Session(
        resolved=resolved,
        streams=streams,
        device=device,
        store=store,
        test_store=test_store,
        model=model,
        forward=torch.compile(forward) if recipe.precision.compile else forward,  # type: ignore[arg-type]
        optimizer=optimizer,
        factor=build_factor(resolved),
        order=[build(context) for build in builders(resolved, "order")],
        sample=sample,
        batch=[build(context) for build in builders(resolved, "batch")],
        loss=build_loss(resolved, context),
        update=build_update(resolved, context, Update(model, optimizer, scaler=scaler, no_sync=no_sync)),
        average=next((build(context, model) for build in builders(resolved, "average")), None),
        predict=build_predict(resolved, context),
        autocast=build_autocast(recipe, device),
        scaler=scaler,
        clock=clock,
        world=world,
        draws_itself=bool(recipe.surgery) or not isinstance(model, Family) or model.draws,
        loss_sum=torch.zeros((), device=device),
        buckets_ordered=forward is model,
    )


def set_backends(recipe: Recipe) -> None:
    """The process-wide switches that a recipe fixes; whoever trains several in turns sets them for each turn.

    Sessions of one process share what torch.compile has compiled of a class: beyond eight structures (its
    default) it would run the next ones uncompiled.
    """
    torch.backends.cuda.matmul.allow_tf32 = recipe.precision.tf32
    torch.backends.cudnn.allow_tf32 = recipe.precision.tf32
    if recipe.precision.compile:
        torch._dynamo.config.recompile_limit = COMPILED_STRUCTURES
