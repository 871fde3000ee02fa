"""How a batch is shared out: among the devices of a run, in parts one after the other, in groups for batch norm."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from trickbag.errors import InputError
from trickbag.recipe import Recipe
from trickbag.train.batch_norm import group_statistics, synchronise_statistics
from trickbag.train.world import World


def parts_of(recipe: Recipe) -> int:
    """In how many parts, one after the other, a batch is taken."""
    return int(recipe.step.get("accumulate", {}).get("parts", 1))


def check_shares(recipe: Recipe, devices: int) -> None:
    """InputError, in one line, where a batch does not divide by the devices, its parts or the batch-norm groups."""
    batch, parts, images = recipe.budget.batch_size, parts_of(recipe), recipe.budget.batch_norm_images
    if batch % devices:
        below = batch // devices * devices
        raise InputError(
            f"budget.batch_size: {batch} images cannot be shared equally by {devices} devices "
            f"(machine.devices); use {f'{below} or ' if below else ''}{below + devices}"
        )
    share = batch // devices
    if share % parts and (devices > 1 or images is not None):
        raise InputError(
            f"step.accumulate.parts: {share} images of a device cannot be taken in {parts} equal parts; "
            f"use {_either(_divisors(share))}"
        )
    if images is not None and (share // parts) % images:
        raise InputError(
            f"budget.batch_norm_images: the {share // parts} images that a device takes at a time cannot be "
            f"put in groups of {images}; use {_either([*_divisors(share // parts)[1:], 'null'])}"
        )


def _divisors(count: int) -> list[str]:
    """The divisors of a number of images, from 1 on."""
    return [str(d) for d in range(1, count + 1) if count % d == 0]


def _either(choices: list[str]) -> str:
    """Choices as they stand in a sentence."""
    *first, last = choices
    return f"{', '.join(first)} or {last}" if first else last


def share_statistics(model: nn.Module, recipe: Recipe, world: World, device: torch.device) -> None:
    """Change the network, on its device, so that it takes batch-norm statistics as the recipe says."""
    images = recipe.budget.batch_norm_images
    if images is not None:
        group_statistics(model, recipe.budget.batch_size // (world.size * parts_of(recipe) * images))
    elif world.size > 1:
        synchronise_statistics(model, world, device)


NoSync = Callable[[], AbstractContextManager[None]]


def share_gradients(model: nn.Module, world: World) -> tuple[nn.Module, NoSync]:
    """The network whose backward pass leaves the mean gradient of all processes, and DDP's way to put that off.

    Within the context backward passes add up gradients of this process alone, until one outside of it.
    """
    if world.size == 1 or not any(p.requires_grad for p in model.parameters()):
        return model, nullcontext
    shared = DistributedDataParallel(model, gradient_as_bucket_view=True)
    shared.broadcast_buffers = (
        False  # they are the same already; new versions of torch warn of an argument's name
    )
    return shared, shared.no_sync


def order_buckets(model: nn.Module, loss: Callable[[], Tensor]) -> None:
    """A pass before a process's first step, after which torch orders gradients in the buckets that it exchanges.

    It does so once, and a sum's last digits may depend on a number's place in a bucket: without this pass the first
    step of a resumed run would differ from the same step of an undisturbed one. Neither gradients nor buffers change.
    Raises InputError for a parameter without a gradient, for which torch would wait.
    """
    before = [buffer.clone() for buffer in model.buffers()]
    loss().backward()  # type: ignore[no-untyped-call]
    for buffer, old in zip(model.buffers(), before, strict=True):
        buffer.copy_(old)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.grad is None:
            raise InputError(
                f"model: {name} takes no part in training, which several devices cannot share so"
            )
    model.zero_grad(set_to_none=True)
