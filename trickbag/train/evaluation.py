"""Evaluation: every image exactly once, one top-1 and one top-5 bit per image."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from trickbag.data import Store
from trickbag.train.bits import Bits
from trickbag.train.feed import epoch_order, feed, training_batch
from trickbag.train.seams import Network
from trickbag.train.session import Session
from trickbag.train.world import World

EVALUATION_BATCH = 500  # images; a divisor of the usual 5,000 and 10,000
Batches = Iterable[tuple[Tensor, Tensor]]
"""Normalised images x [B, C, H, W] and their labels y int64 [B]."""


def evaluate_on(session: Session, part: Literal["validation", "test"]) -> Bits:
    """The bits of the validation or the test images, in the precision of the recipe."""
    store, ids = session.store, session.resolved.validation_ids
    if part == "test":
        store, ids = session.test_store, torch.arange(len(session.resolved.images.test_labels))
    session.model.eval()
    with session.clock.evaluating(), session.autocast:
        network = session.predict(evaluated_network(session))
        return evaluate(network, ids, partial(_evaluation_batches, store), session.world)


def _evaluation_batches(store: Store, ids: Tensor) -> Batches:
    """The images `ids` of a store as the network is to see them."""
    return ((store.normalise(x), y) for x, y in store.evaluation_batches(ids, EVALUATION_BATCH))


def evaluated_network(session: Session) -> nn.Module:
    """The network that counts: the average where the recipe keeps one, once there is something to average."""
    if session.average is None:
        return session.model
    epoch = max(0, session.step - 1) // session.resolved.steps_per_epoch
    torch.manual_seed(session.streams.key(session.world.own("average"), epoch))
    steps = [(epoch, ids) for ids in epoch_order(session, epoch)]
    # In groups, images are shown as many at a time as in training: a layer knows how many groups it is given.
    parts = session.parts if session.recipe.budget.batch_norm_images else 1
    batches = (x for fed in feed(session, steps) for x in training_batch(session, fed).x.tensor_split(parts))
    return session.average.network(batches) or session.model


@torch.inference_mode()
def evaluate(network: Network, ids: Tensor, batches_of: Callable[[Tensor], Batches], world: World) -> Bits:
    """Run the network over the images `ids` (int64 [N], on the CPU): each of them once, in any world the same bits.

    Of `world.size` processes each takes every `world.size`-th batch of `EVALUATION_BATCH` images, whole, since the
    last digits of a sum may depend on the size of its batch. `batches_of` serves images in batches of that size.
    """
    mine = torch.split(torch.arange(len(ids)), EVALUATION_BATCH)[world.rank :: world.size]
    places = torch.cat([torch.arange(0), *mine])
    found = [_hits(network(x), y) for x, y in batches_of(ids[places])]
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
