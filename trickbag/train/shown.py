"""What training shows of an image: its first appearances in a run, augmented and mixed, as pixels again."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from trickbag.rng import images_of
from trickbag.train.feed import epoch_order, feed, training_batch
from trickbag.train.loop import mixed
from trickbag.train.session import Session


class Shown(NamedTuple):
    """One appearance of an image."""

    epoch: int  # from 0
    pixels: Tensor  # uint8 [C, H, W]
    shares: Tensor  # float32 [K], of each class in the target


def typical_images(session: Session, count: int) -> list[int]:
    """Ids of `count` training images, spread evenly over the images in the order of their classes."""
    ids = session.resolved.train_ids
    ids = ids[session.resolved.images.train_labels[ids].argsort(stable=True)]
    places = (2 * torch.arange(count) + 1) * len(ids) // (2 * count)
    return ids[torch.unique(places)].tolist()


def appearances(session: Session, ids: list[int], count: int) -> list[list[Shown]]:
    """The first `count` appearances of each image in the run of a session that has done no step.

    They are what the network gets to see, with the normalisation undone; fewer where the run shows an image
    less often.
    """
    found: dict[int, list[Shown]] = {i: [] for i in ids}
    for epoch in range(session.recipe.budget.epochs):
        if all(len(shown) >= count for shown in found.values()):
            break
        order = epoch_order(session, epoch)
        places = torch.isin(images_of(order), torch.tensor(ids, device=order.device))
        for step in places.any(1).nonzero()[:, 0].tolist():
            _look(session, epoch, step, order[step], places[step], found)
    return [shown[:count] for shown in found.values()]


def _look(
    session: Session, epoch: int, step: int, ids: Tensor, wanted: Tensor, found: dict[int, list[Shown]]
) -> None:
    """Add what a step of an epoch shows of the images that are wanted (bool [B]) to `found`."""
    if not session.batch:  # then an image's looks do not depend on its company, and the others are left out
        ids, wanted = ids[wanted], wanted[wanted]
    session.step = epoch * session.resolved.steps_per_epoch + step
    for fed in feed(session, [(epoch, ids)]):
        batch = mixed(session, training_batch(session, fed))
        targets = batch.y if batch.y.ndim == 2 else functional.one_hot(batch.y, session.resolved.num_classes)
        for row in wanted.nonzero()[:, 0].tolist():
            pixels = _pixels(session, batch.x[row])
            found[int(images_of(ids[row]))].append(Shown(epoch, pixels, targets[row].float().cpu()))
    session.step = 0


def _pixels(session: Session, x: Tensor) -> Tensor:
    """A normalised image as uint8 [C, H, W]."""
    values = x * session.store.sd[0] + session.store.mean[0]
    return values.round().clamp(0, 255).to(torch.uint8).contiguous().cpu()
