"""A step on another device waits for nothing: no value is read back, and what goes there goes from pinned memory.

Without such a device the `meta` device stands in for it, which cannot be read at all. At the end: what only a GPU can
show of several processes, in a world of one, where gradients are exchanged with nobody.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest
import timm.layers
import torch
from test_data_stream import originals, pictures, streamed, taken  # noqa: F401
from torch import nn
from torch.distributed import HashStore
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from trickbag.data.sample import RandomResizedCrop
from trickbag.recipe import apply
from trickbag.rng import Streams
from trickbag.train import Session, build_session, epoch_order, feed, resolve, train_step
from trickbag.train.batch_norm import CudaSynchronisedNorm, synchronise_statistics
from trickbag.train.world import World, joined

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
    with Sent() as some:
        torch.tensor([1, 2], device=META)
    if not some.count:
        pytest.skip("this torch, as 2.11, does not show what is sent to the meta device")
    with Sent() as sent:
        y = RandomResizedCrop(12)(x, Streams(1).images(0, ids))
    assert (y.shape, y.device, sent.count) == ((9, 3, 12, 12), META, 0)


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
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")  # that is what we look with
@pytest.mark.parametrize("kind", ["streamed", "in memory"])
def test_no_step_waits_for_the_gpu(kind, streamed, small, machine):  # noqa: F811
    crop = apply(small, {"sample": {"random_resized_crop": {}, "flip": {}}})
    going = steps(on_gpu(*(streamed if kind == "streamed" else (crop, machine))), 9)
    list(islice(going, 3))  # the first ones choose kernels
    try:
        torch.cuda.set_sync_debug_mode("error")
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


@pytest.fixture
def nccl(machine) -> Iterator[World]:
    """A world of this process alone, on its GPU."""
    with joined(machine, torch.device("cuda", 0), HashStore(), 0, 1) as world:
        yield world


def shared(session: Session) -> Session:
    """The session with its gradients exchanged, as in a world of several processes."""
    forward = DistributedDataParallel(session.model, gradient_as_bucket_view=True)
    return replace(session, forward=forward, buckets_ordered=False)


def check_same_training(one: Session, other: Session) -> None:
    """Nine steps: weights and loss of the one are those of the other, but for the last digits of fp16."""
    start = {key: value.clone() for key, value in one.model.state_dict().items()}
    for session in (one, other):
        session.model.train()
        list(islice(steps(session, 9), 9))
    for key, value in one.model.state_dict().items():
        torch.testing.assert_close(other.model.state_dict()[key], value, rtol=1e-2, atol=1e-2)
    assert any(not torch.equal(value, start[key]) for key, value in one.model.state_dict().items())
    torch.testing.assert_close(other.loss_sum, one.loss_sum, rtol=1e-2, atol=1e-2)


@pytest.mark.gpu
@gpu
def test_fp16_is_scaled_as_ever_where_gradients_are_exchanged(nccl, small, machine):
    """Of what overflows too: scale and steps left out are those of a run that exchanges nothing."""
    recipe = apply(small, {"precision.dtype": "fp16"})
    alone, together = on_gpu(recipe, machine), shared(on_gpu(recipe, machine))
    for session in (alone, together):
        session.scaler.load_state_dict(session.scaler.state_dict() | {"scale": 2.0**24})  # too much
    check_same_training(alone, together)
    assert alone.scaler.get_scale() == together.scaler.get_scale() < 2.0**24


@pytest.mark.gpu
@gpu
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's own, while it compiles
@pytest.mark.filterwarnings(
    "ignore:Grad strides do not match"
)  # compiled 1 x 1 convolutions lay them out anew
def test_a_compiled_network_trains_the_same_where_gradients_are_exchanged(nccl, small, machine):
    plain, together = on_gpu(small, machine), shared(on_gpu(small, machine))
    check_same_training(plain, replace(together, forward=torch.compile(together.forward)))


@pytest.mark.gpu
@gpu
@pytest.mark.parametrize("kind", [nn.BatchNorm2d, timm.layers.BatchNormAct2d])
def test_a_synchronised_layer_on_a_gpu_is_torchs_own_in_a_world_of_one(nccl, kind):
    plain = kind(5).cuda()
    layer = copy.deepcopy(plain)
    synchronise_statistics(layer, nccl, torch.device("cuda"))
    assert isinstance(layer, CudaSynchronisedNorm)
    mine, theirs = (torch.randn(12, 5, 4, 3, device="cuda", requires_grad=True) for _ in range(2))
    mine.data.copy_(theirs.data)
    for x, norm in ((mine, layer), (theirs, plain)):
        norm(x).square().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    for key, value in plain.state_dict().items():
        torch.testing.assert_close(layer.state_dict()[key], value)
    torch.testing.assert_close(layer.eval()(mine), plain.eval()(theirs))
