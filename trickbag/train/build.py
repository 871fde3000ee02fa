"""The parts of a session that the sections and seams of a recipe describe, each built from the resolved recipe."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from trickbag.data import Store
from trickbag.optim import build_optimizer
from trickbag.recipe import Recipe, steps
from trickbag.rng import Streams
from trickbag.schedule import build_schedule
from trickbag.train.arguments import arguments
from trickbag.train.catalogue import CATALOGUE, PASSED, find
from trickbag.train.operations import cross_entropy_loss
from trickbag.train.resolved import Resolved
from trickbag.train.seams import Context, Loss, Network
from trickbag.train.update import ScaledBackward, Update
from trickbag.train.world import World

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def builders(resolved: Resolved, seam: str) -> list[Callable[..., Any]]:
    """The builders of a seam's operations, arguments bound, in order: by rank, else as the catalogue lists them."""
    found, listed = [], list(CATALOGUE[seam])
    for name, given in getattr(resolved.recipe, seam).items():
        factory = find(seam, name, resolved.base, seam)
        args = arguments(factory, resolved.in_steps(given), f"{seam}.{name}", PASSED[seam])
        bound = partial(factory, **args)
        found.append((getattr(factory, "rank", listed.index(name) if name in listed else 50), name, bound))
    return [bound for _, _, bound in sorted(found, key=lambda item: item[:2])]


def build_context(
    resolved: Resolved, streams: Streams, store: Store, device: torch.device, world: World
) -> Context:
    """What operations may know of a run whose training images are in `store`."""
    return Context(
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


def changed_model(resolved: Resolved, context: Context, model: nn.Module) -> nn.Module:
    """The network in the recipe's memory layout, changed by the operations of the surgery seam."""
    if resolved.recipe.precision.channels_last:
        model = model.to(memory_format=torch.channels_last)
    for build in builders(resolved, "surgery"):
        model = build(context, model)
    return model


def build_loss(resolved: Resolved, context: Context) -> Loss:
    """Cross-entropy, wrapped by the operations of the loss seam."""
    loss: Loss = cross_entropy_loss
    for build in builders(resolved, "loss"):
        loss = build(context, loss)
    return loss


def build_update(resolved: Resolved, context: Context, update: Update) -> Update:
    """The plain update, changed by the operations of the step seam."""
    if update.scaler:
        update = replace(update, backward=ScaledBackward(update.scaler))
    for build in builders(resolved, "step"):
        update = build(context, update)
    return update


def build_predict(resolved: Resolved, context: Context) -> Callable[[Network], Network]:
    """From a network to the network as the predict seam has it classify."""
    operations = builders(resolved, "predict")

    def predict(network: Network) -> Network:
        for build in operations:
            network = build(context, network)
        return network

    return predict


def recipe_optimizer(resolved: Resolved, model: nn.Module, streams: Streams) -> torch.optim.Optimizer:
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


def build_factor(resolved: Resolved) -> Callable[..., float]:
    """The factor of the peak rate as a function of the step, warmup included, and of the accuracies so far."""
    section, total, per_epoch = resolved.recipe.schedule, resolved.total_steps, resolved.steps_per_epoch
    factory = find("schedule", section.name, resolved.base, "schedule.name")
    args = arguments(factory, resolved.in_steps(section.arguments), "schedule", PASSED["schedule"])
    return build_schedule(factory, args, total, steps(section.warmup, total, per_epoch))


def build_autocast(recipe: Recipe, device: torch.device) -> AbstractContextManager[Any]:
    """Autocast for low precision; nothing at all for fp32."""
    if recipe.precision.dtype == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[recipe.precision.dtype])
