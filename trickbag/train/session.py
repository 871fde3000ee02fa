"""A session: everything that one run trains with, built once from a resolved recipe and a seed."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from trickbag.averaging import Average
from trickbag.data import SampleOperation, Store, told
from trickbag.models import Family, build_model, input_statistics
from trickbag.optim import build_optimizer
from trickbag.recipe import Machine, Recipe, steps
from trickbag.records.run import EpochRow
from trickbag.rng import Streams
from trickbag.schedule import build_schedule
from trickbag.train.arguments import arguments
from trickbag.train.catalogue import CATALOGUE, PASSED, find
from trickbag.train.clock import Clock
from trickbag.train.evaluate import Bits
from trickbag.train.memory import keep_freed_memory
from trickbag.train.operations import cross_entropy_loss
from trickbag.train.resolve import device_of
from trickbag.train.resolved import Resolved
from trickbag.train.seams import BatchOperation, Context, Loss, Network, Order
from trickbag.train.shares import check_shares, parts_of, share_gradients, share_statistics
from trickbag.train.stores import build_stores
from trickbag.train.trial import model_parts
from trickbag.train.update import ScaledBackward, Update
from trickbag.train.world import World

COMPILED_STRUCTURES = 200  # of a network's class in one process; with evaluation, two per arm
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


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
    settled: bool = True  # whether the exchange of gradients has the order that it keeps
    rows: list[EpochRow] = field(default_factory=list)
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
    recipe, device, world = resolved.recipe, device_of(machine), World.here()
    check_shares(recipe, world.size)
    clock = Clock(device)
    clock.start()
    streams = Streams(seed, recipe.replica)
    set_backends(recipe)
    if device.type == "cpu":
        keep_freed_memory()
    model = build_model(*model_parts(recipe, resolved, resolved.base), streams=streams).to(device)
    store, test_store = build_stores(resolved, input_statistics(model), machine, device)
    if recipe.precision.channels_last:
        model = model.to(memory_format=torch.channels_last)
    context = Context(
        streams=streams,
        classes=resolved.images.classes,
        in_channels=resolved.in_channels,
        mean=store.mean,
        sd=store.sd,
        device=device,
        base=resolved.base,
        find_model=lambda name: find("model", name, resolved.base, "model.name"),
        steps_per_epoch=resolved.steps_per_epoch,
        total_steps=resolved.total_steps,
        world=world,
    )
    for build in _operations(resolved, "surgery"):
        model = build(context, model)
    share_statistics(model, recipe, world, device)
    forward, apart = share_gradients(model, world)
    optimizer = _optimizer(resolved, model, streams)
    operations = [told(build(), store.mean) for build in _operations(resolved, "sample")]
    store, sample = store.taking(operations, streams)
    scaler = torch.amp.GradScaler(device.type) if recipe.precision.dtype == "fp16" else None
    return Session(
        resolved=resolved,
        streams=streams,
        device=device,
        store=store,
        test_store=test_store,
        model=model,
        forward=torch.compile(forward) if recipe.precision.compile else forward,  # type: ignore[arg-type]
        optimizer=optimizer,
        factor=_schedule(resolved),
        order=[build(context) for build in _operations(resolved, "order")],
        sample=sample,
        batch=[build(context) for build in _operations(resolved, "batch")],
        loss=_loss(resolved, context),
        update=_update(resolved, context, Update(model, optimizer, scaler=scaler, apart=apart)),
        average=next((build(context, model) for build in _operations(resolved, "average")), None),
        predict=_predict(resolved, context),
        autocast=_autocast(recipe, device),
        scaler=scaler,
        clock=clock,
        world=world,
        draws_itself=bool(recipe.surgery) or not isinstance(model, Family) or model.draws,
        loss_sum=torch.zeros((), device=device),
        settled=forward is model,
    )


def _operations(resolved: Resolved, seam: str) -> list[Callable[..., Any]]:
    """The builders of a seam's operations, arguments bound, in order: by rank, else as the catalogue lists them."""
    found, listed = [], list(CATALOGUE[seam])
    for name, given in getattr(resolved.recipe, seam).items():
        factory = find(seam, name, resolved.base, seam)
        args = arguments(factory, resolved.in_steps(given), f"{seam}.{name}", PASSED[seam])
        bound = partial(factory, **args)
        found.append((getattr(factory, "rank", listed.index(name) if name in listed else 50), name, bound))
    return [bound for _, _, bound in sorted(found, key=lambda item: item[:2])]


def _loss(resolved: Resolved, context: Context) -> Loss:
    """Cross-entropy, wrapped by the operations of the loss seam."""
    loss: Loss = cross_entropy_loss
    for build in _operations(resolved, "loss"):
        loss = build(context, loss)
    return loss


def _update(resolved: Resolved, context: Context, update: Update) -> Update:
    """The plain update, changed by the operations of the step seam."""
    if update.scaler:
        update = replace(update, backward=ScaledBackward(update.scaler))
    for build in _operations(resolved, "step"):
        update = build(context, update)
    return update


def _predict(resolved: Resolved, context: Context) -> Callable[[Network], Network]:
    """From a network to the network as the predict seam has it classify."""
    builders = _operations(resolved, "predict")

    def predict(network: Network) -> Network:
        for build in builders:
            network = build(context, network)
        return network

    return predict


def _optimizer(resolved: Resolved, model: nn.Module, streams: Streams) -> torch.optim.Optimizer:
    """The recipe's optimizer over the model's parameter groups."""
    section = resolved.recipe.optimizer
    factory = find("optimizer", section.name, resolved.base, "optimizer.name")
    return build_optimizer(
        factory,
        model,
        section.lr,
        weight_decay=section.weight_decay,
        decay=section.decay,
        stream=streams.key("optimizer"),
        **arguments(factory, section.arguments, "optimizer", PASSED["optimizer"]),
    )


def _schedule(resolved: Resolved) -> Callable[..., float]:
    """The factor of the peak rate as a function of the step, warmup included, and of the accuracies so far."""
    section, total, per_epoch = resolved.recipe.schedule, resolved.total_steps, resolved.steps_per_epoch
    factory = find("schedule", section.name, resolved.base, "schedule.name")
    args = arguments(factory, resolved.in_steps(section.arguments), "schedule", PASSED["schedule"])
    return build_schedule(factory, args, total, steps(section.warmup, total, per_epoch))


def _autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """Autocast for low precision; nothing at all for fp32."""
    if recipe.precision.dtype == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[recipe.precision.dtype])


def set_backends(recipe: Recipe) -> None:
    """The process-wide switches that a recipe fixes; whoever trains several in turns sets them for each turn.

    Sessions of one process share what torch.compile has compiled of a class: beyond eight structures (its
    default) it would run the next ones uncompiled.
    """
    torch.backends.cuda.matmul.allow_tf32 = recipe.precision.tf32
    torch.backends.cudnn.allow_tf32 = recipe.precision.tf32
    if recipe.precision.compile:
        torch._dynamo.config.recompile_limit = COMPILED_STRUCTURES
