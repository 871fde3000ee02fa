"""Evaluation: every image exactly once, one top-1 and one top-5 bit per image."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Literal

import torch
from torch import Tensor, nn

from trickbag.data import Store
from trickbag.train.bits import Bits
from trickbag.train.feed import epoch_order, feed, training_batch
from trickbag.train.seams import Network
from trickbag.train.session import Session
from trickbag.train.watch import Watch
from trickbag.train.world import World

EVALUATION_BATCH = 500  # images; a divisor of the usual 5,000 and 10,000
Batches = Generator[tuple[Tensor, Tensor]]
"""Normalised images x [B, C, H, W] and their labels y int64 [B]."""


def evaluate_on(session: Session, part: Literal["validation", "test"], watch: Watch | None = None) -> Bits:
    """The bits of the validation or the test images, in the precision of the recipe.

    Raises Stopped in all processes where the watch of one of them says so.
    """
    check = partial((watch or Watch()).check, session.world)
    store, ids = session.store, session.resolved.validation_ids
    if part == "test":
        store, ids = session.test_store, torch.arange(len(session.resolved.images.test_labels))
    session.model.eval()
    with session.clock.evaluating(), session.autocast:
        network = session.predict(evaluated_network(session, check))
        return evaluate(network, ids, partial(_evaluation_batches, store), session.world, check)


def _evaluation_batches(store: Store, ids: Tensor) -> Batches:
    """The images `ids` of a store as the network is to see them."""
    return ((store.normalise(x), y) for x, y in store.evaluation_batches(ids, EVALUATION_BATCH))


def evaluated_network(session: Session, check: Callable[[], None] = lambda: None) -> nn.Module:
    """The network that counts: the average where the recipe keeps one, once there is something to average.

    `check` is called before each batch of which the average estimates its batch-norm statistics.
    """
    if session.average is None:
        return session.model
    if session.evaluated is not None:
        return session.evaluated
    epoch = max(0, session.step - 1) // session.resolved.steps_per_epoch
    torch.manual_seed(session.streams.key(session.world.own("average"), epoch))
    session.evaluated = session.average.network(_epoch_batches(session, epoch, check)) or session.model
    return session.evaluated


def _epoch_batches(session: Session, epoch: int, check: Callable[[], None]) -> Iterator[Tensor]:
    """The images of an epoch's batches as the network saw them, but for mixing."""
    steps = [(epoch, ids) for ids in epoch_order(session, epoch)]
    # In groups, images are shown as many at a time as in training: a layer knows how many groups it is given.
    parts = session.parts if session.recipe.budget.batch_norm_images else 1
    for fed in feed(session, steps):
        check()
        yield from training_batch(session, fed).x.tensor_split(parts)


@torch.inference_mode()
def evaluate(
    network: Network,
    ids: Tensor,
    batches_of: Callable[[Tensor], Batches],
    world: World,
    check: Callable[[], None] = lambda: None,
) -> Bits:
    """Run the network over the images `ids` (int64 [N], on the CPU): each of them once, in any world the same bits.

    Of `world.size` processes each takes every `world.size`-th batch of `EVALUATION_BATCH` images, whole, since the
    last digits of a sum may depend on the size of its batch. `batches_of` serves images in batches of that size.
    `check` is called before each batch, by a process without one too: equally often by all.
    """
    chunks = torch.split(torch.arange(len(ids)), EVALUATION_BATCH)
    places = torch.cat([torch.arange(0), *chunks[world.rank :: world.size]])
    found = []
    with closing(batches_of(ids[places])) as batches:
        for _ in chunks[:: world.size]:  # as many as rank 0 has
            check()
            found += [_hits(network(x), y) for x, y in islice(batches, 1)]
    hits = torch.zeros(len(ids), 2, dtype=torch.uint8)
    if found:
        hits[places] = torch.cat(found).to("cpu", torch.uint8)
    top1, top5 = world.all_reduce(hits).bool().numpy().T
    return Bits(ids.numpy(), top1, top5)


def _hits(logits: Tensor, y: Tensor) -> Tensor:
    """Bool [B, 2]: whether the class is the first guess, and whether it is among the first five."""
    guesses = logits.float().topk(min(5, logits.shape[1]), dim=1).indices
    hits = guesses == y[:, None]
    return torch.stack([hits[:, 0], hits.any(dim=1)], dim=1)
