"""What a run is fed: the order of its images, and a step's images as the network is to see them."""

from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import tee
from typing import NamedTuple

import torch
from torch import Tensor

from trickbag.data import on_device
from trickbag.rng import numbered
from trickbag.train.seams import Batch
from trickbag.train.session import Session


class Fed(NamedTuple):
    """The images of one step, or this process's share of them, as the store serves them."""

    epoch: int
    ids: Tensor  # int64 [B], `numbered` where some repeat, on the device
    x: Tensor  # uint8 or float32 [B, C, H, W] on the [0, 255] scale
    y: Tensor  # int64 [B]


def epoch_order(session: Session, epoch: int) -> Tensor:
    """Image ids of an epoch's batches, int64 [steps, batch], on the CPU; a last partial batch is left out."""
    train_ids, batch = session.resolved.train_ids, session.recipe.budget.batch_size
    shuffle = torch.from_numpy(session.streams.numpy("order", epoch).permutation(len(train_ids)))
    steps, ids = session.resolved.steps_per_epoch, train_ids[shuffle]
    for change in session.order:
        ids = change(epoch, ids)
    if session.order:
        ids = numbered(ids)
    return ids[: steps * batch].view(steps, batch)


def feed(session: Session, steps: Iterable[tuple[int, Tensor]]) -> Generator[Fed]:
    """The images of each step (epoch, image ids int64 [B] on the CPU), with the time waited for them noted.

    Of several processes each is fed its share; this is the one place where a batch is shared out. The steps may have
    no end: they are taken as they are needed, by a store that works ahead somewhat before.
    """
    shares = ((epoch, session.world.shard(ids, session.parts)) for epoch, ids in steps)
    steps, ahead = tee(shares)
    with closing(session.store.batches(ahead)) as batches:
        for epoch, ids in steps:
            with session.clock.waiting():
                x, y = next(batches)
            yield Fed(epoch, on_device(ids, session.device), x, y)


def training_batch(session: Session, fed: Fed) -> Batch:
    """The images as they were fed, each augmented by its own draws, and normalised."""
    x, draws = fed.x, session.streams.images(fed.epoch, fed.ids)
    for augment in session.sample:
        x = augment(x, draws)
    return Batch(session.store.normalise(x), fed.y, session.step)
