"""A step on another device waits for nothing: no value is read back, and what goes there goes from pinned memory.

Without such a device the `meta` device stands in for it, which cannot be read at all.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
import torch
from test_data_stream import originals, pictures, streamed, taken  # noqa: F401
from torch.utils._python_dispatch import TorchDispatchMode

from trickbag.data.sample import RandomResizedCrop
from trickbag.recipe import apply
from trickbag.rng import Streams
from trickbag.train import Session, build_session, epoch_order, feed, resolve, train_step

META = torch.device("meta")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Sent(TorchDispatchMode):
    """Counts the tensors that are made of Python numbers for the device: each is a copy for which CUDA waits."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten.lift_fresh.default and args[0].device == META
        return function(*args, **(kwargs or {}))


def test_a_random_resized_crop_neither_reads_from_the_device_nor_sends_to_it():
    x, ids = torch.zeros(9, 3, 20, 16, dtype=torch.uint8, device=META), torch.arange(9, device=META)
    with Sent() as sent:
        y = RandomResizedCrop(12)(x, Streams(1).images(0, ids))
    assert (y.shape, y.device, sent.count) == ((9, 3, 12, 12), META, 0)
    with sent:  # it does see what it looks for
        torch.tensor([1, 2], device=META)
    assert sent.count == 1


@pytest.mark.parametrize("kind", ["streamed", "in memory"])
def test_the_order_stays_where_images_are_chosen_and_a_steps_ids_go_where_draws_are_made(
    kind,
    streamed,  # noqa: F811
    small,
    machine,
):
    recipe, machine = streamed if kind == "streamed" else (small, machine)
    machine = machine.model_copy(update={"memory_gib": 0})
    session = build_session(resolve(recipe, machine), 1, machine)
    elsewhere = replace(session, device=META)
    assert epoch_order(elsewhere, 0).device.type == "cpu"
    (fed,) = feed(elsewhere, [(0, epoch_order(elsewhere, 0)[0])])
    assert fed.ids.device == META


def on_gpu(recipe, machine) -> Session:
    machine = machine.model_copy(update={"device": "cuda", "memory_gib": 0})
    return build_session(resolve(recipe, machine), 1, machine)


def steps(session: Session, count: int) -> Iterator[None]:
    """A step of training each time it is asked for."""
    order = epoch_order(session, 0)
    for fed in feed(session, [(epoch, ids) for epoch in range(count) for ids in order]):
        yield train_step(session, fed)


@pytest.mark.gpu
@gpu
@pytest.mark.parametrize("kind", ["streamed", "in memory"])
def test_no_step_waits_for_the_gpu(kind, streamed, small, machine):  # noqa: F811
    crop = apply(small, {"sample": {"random_resized_crop": {}, "flip": {}}})
    going = steps(on_gpu(*(streamed if kind == "streamed" else (crop, machine))), 9)
    list(islice(going, 3))  # the first ones choose kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        list(islice(going, 6))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@gpu
def test_batches_reach_a_busy_gpu_as_they_are(originals):  # noqa: F811
    """Copied beside other work, and read late: none may be overwritten by those that follow."""
    work = torch.rand(2048, 2048, device="cuda")
    jobs = [(epoch, torch.arange(20)) for epoch in range(40)]
    found = []
    for x, y in taken(originals, device="cuda").batches(jobs):
        for _ in range(20):
            work = work @ work / work.norm()
        found.append((x.clone(), y))
        del x, y
    for (x, y), (expected, labels) in zip(found, taken(originals).batches(jobs), strict=True):
        assert torch.equal(x.cpu(), expected)
        assert torch.equal(y.cpu(), labels)
