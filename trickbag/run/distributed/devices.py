"""The devices of this machine: how many a run can have, which ones it gets, and how they share its batches."""

import os
from math import ceil

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe
from trickbag.train import device_of
from trickbag.train.shares import parts_of

ON_THE_CPU = 8  # processes of one run that any machine may start, however few its cores


def check_devices(machine: Machine) -> None:
    """InputError where this machine cannot give one run so many devices."""
    wanted, device = machine.devices, device_of(machine)
    if wanted == 1:
        return
    if device.index is not None:
        raise InputError(f"machine.device: {device} is one device; with machine.devices={wanted} write cuda")
    if device.type == "cuda" and wanted > torch.cuda.device_count():
        raise InputError(
            f"machine.devices: {wanted} are asked for, but this machine has {torch.cuda.device_count()} CUDA "
            "devices; several machines are joined by torchrun --nnodes"
        )
    most = max(ON_THE_CPU, os.cpu_count() or 1)
    if device.type != "cuda" and wanted > most:
        raise InputError(
            f"machine.devices: {wanted} processes are too many for this machine's CPU; at most {most}"
        )


def own_gpus(machine: Machine) -> list[str]:
    """The GPUs that runs side by side share out among them, in groups; none where one GPU, or none, is asked for."""
    if machine.device != "cuda":
        return []
    return gpu_groups(os.environ.get("CUDA_VISIBLE_DEVICES"), torch.cuda.device_count(), machine.devices)


def gpu_groups(visible: str | None, count: int, devices: int) -> list[str]:
    """The GPUs of this machine in groups of so many, each as a CUDA_VISIBLE_DEVICES for one worker.

    `visible` is this process's own CUDA_VISIBLE_DEVICES, indices or UUIDs, and `count` how many of them CUDA takes:
    those before the first that is not there. What is left over when they are grouped stays idle.
    """
    names = [name.strip() for name in visible.split(",")] if visible else [str(i) for i in range(count)]
    names = names[:count]
    return [",".join(names[i : i + devices]) for i in range(0, len(names) - devices + 1, devices)]


def shares(recipe: Recipe, devices: int, model: nn.Module | None = None) -> str:
    """One line: images per device, parts that gradients are accumulated over, images of batch-norm statistics.

    Empty where one device takes the batch as it is. Without `model` it is left open whether there is batch norm.
    """
    batch, parts = recipe.budget.batch_size, parts_of(recipe)
    if devices == parts == 1 and recipe.budget.batch_norm_images is None:
        return ""
    share = batch // devices
    words = f"{devices} devices: {share} images each of a batch of {batch}"
    if devices == 1:
        words = f"{batch} images of a batch on one device"
    if parts > 1:
        most = "" if share % parts == 0 else "at most "
        words += f", gradients accumulated over {parts} parts of {most}{ceil(share / parts)}"
    if model is None:
        return f"{words}; batch-norm statistics, where there are any: {_statistics(recipe, devices)}"
    if any(
        isinstance(module, _BatchNorm) or "BatchNorm" in type(module).__name__ for module in model.modules()
    ):
        words += f"; batch-norm statistics: {_statistics(recipe, devices)}"
    return words


def _statistics(recipe: Recipe, devices: int) -> str:
    """What the statistics of batch normalisation are taken over."""
    images, parts = recipe.budget.batch_norm_images, parts_of(recipe)
    if images is not None:
        return f"of {images} images each (budget.batch_norm_images)"
    if devices == 1:
        return "of each part"
    if parts > 1:
        return f"over each part on all devices, {recipe.budget.batch_size // parts} images, synchronised"
    return "over the whole batch, synchronised"
