"""The loop: straight down the page, the whole step visible, nothing optional in it but the seams."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import tee
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from trickbag.data import Store, on_device
from trickbag.errors import InputError
from trickbag.records.run import EpochRow
from trickbag.rng import numbered
from trickbag.train.batch_norm import average_statistics
from trickbag.train.checkpoint import load_checkpoint, save_checkpoint
from trickbag.train.evaluate import EVALUATION_BATCH, Batches, Bits, evaluate
from trickbag.train.seams import Batch, set_lr
from trickbag.train.session import Session


@dataclass(frozen=True)
class Outcome:
    """How a run ended; bits only where it reached its last step with a finite loss."""

    status: Literal["done", "diverged", "interrupted"]
    validation: Bits | None = None
    test: Bits | None = None


class Fed(NamedTuple):
    """The images of one step, or this process's share of them, as the store serves them."""

    epoch: int
    ids: Tensor  # int64 [B], `numbered` where some repeat, on the device
    x: Tensor  # uint8 or float32 [B, C, H, W] on the [0, 255] scale
    y: Tensor  # int64 [B]


@dataclass
class Watch:
    """What looks at a run from outside: when to save, when to stop, whom to tell.

    `on_step` hears the steps done and what percentage of the epoch so far was spent waiting for images.
    Processes that train one run together name the same checkpoint, which the one that leads reads and writes; each
    may ask to stop.
    """

    checkpoint: Path | None = None
    checkpoint_seconds: float = 60.0
    stop: Callable[[], bool] = lambda: False
    on_step: Callable[[int, float | None], None] = lambda step, waited: None
    on_epoch: Callable[[EpochRow], None] = lambda row: None
    on_saved: Callable[[], None] = lambda: None  # a checkpoint is on the disk
    other_devices: bool = False  # whether a checkpoint of another number of devices is continued


def train(session: Session, watch: Watch | None = None) -> Outcome:
    """Train to the last step, from the checkpoint where there is one, and evaluate.

    When `watch.stop` turns true the state is saved and the outcome is `interrupted`.
    """
    watch = watch or Watch()
    world, path = session.world, watch.checkpoint
    if path is not None and world.any_of(world.leads and path.exists())[0]:
        load_checkpoint(session, path, watch.other_devices)
    while len(session.rows) < session.recipe.budget.epochs:
        if not train_epoch(session, watch):
            return Outcome("interrupted")
        row = close_epoch(session)
        watch.on_epoch(row)
        if row.loss is None:
            return Outcome("diverged")
        session.loss_sum.zero_()
    test = evaluate_on(session, "test") if len(session.resolved.images.test_labels) else None
    return Outcome("done", session.validation, test)


def train_epoch(session: Session, watch: Watch) -> bool:
    """Train to the end of the epoch under way; False if stopped before."""
    epoch = len(session.rows)
    done = session.step - epoch * session.resolved.steps_per_epoch
    session.model.train()
    session.clock.start()
    order = epoch_order(session, epoch)[done:]
    for fed in feed(session, [(epoch, ids) for ids in order]):
        train_step(session, fed)
        session.step += 1
        session.clock.step()
        watch.on_step(session.step, session.clock.waited())
        due = session.world.leads and perf_counter() - session.saved > watch.checkpoint_seconds
        stopped, due = session.world.any_of(watch.stop(), due)
        if watch.checkpoint and (stopped or due):
            session.clock.pause()
            save_checkpoint(session, watch.checkpoint)
            watch.on_saved()
            session.saved = perf_counter()
            session.clock.start()
        if stopped:
            return False
    session.clock.pause()
    return True


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
    shares = ((epoch, session.world.share(ids, session.parts)) for epoch, ids in steps)
    steps, ahead = tee(shares)
    with closing(session.store.batches(ahead)) as batches:
        for epoch, ids in steps:
            with session.clock.waiting():
                x, y = next(batches)
            yield Fed(epoch, on_device(ids, session.device), x, y)


def train_step(session: Session, fed: Fed) -> None:
    """One optimizer step on the images of `fed`."""
    batch = mixed(session, training_batch(session, fed))
    if not session.settled:
        settle(session, batch)
    set_lr(session.optimizer, session.lr(session.step))
    session.loss_sum += session.update(partial(loss_of, session), batch)
    average_statistics(session.model, session.world)
    if session.average:
        session.average.update(session.model, session.step)


def training_batch(session: Session, fed: Fed) -> Batch:
    """The images as they were fed, each augmented by its own draws, and normalised."""
    x, draws = fed.x, session.streams.images(fed.epoch, fed.ids)
    for augment in session.sample:
        x = augment(x, draws)
    return Batch(session.store.normalise(x), fed.y, session.step)


def mixed(session: Session, batch: Batch) -> Batch:
    """What the batch seam makes of a step's images.

    Its operations see the images of all devices, as they would in one process: every device gets all of them, as
    float32, does the whole work and goes on with its share. Where the seam is empty nothing is exchanged.
    """
    if not session.batch:
        return batch
    world, parts = session.world, session.parts
    batch = batch._replace(x=world.whole(batch.x, parts), y=world.whole(batch.y, parts))
    for mix in session.batch:
        batch = mix(batch)
    x, y = world.share(batch.x, parts), world.share(batch.y, parts)
    if session.recipe.precision.channels_last:  # which an exchange does not keep
        x = x.contiguous(memory_format=torch.channels_last)
    return batch._replace(x=x, y=y)


def settle(session: Session, batch: Batch) -> None:
    """A pass before a process's first step, after which torch orders gradients in the buckets that it exchanges.

    It does so once, and a sum's last digits may depend on a number's place in a bucket: without this pass the first
    step of a resumed run would differ from the same step of an undisturbed one. Raises InputError for a parameter
    without a gradient, for which torch would wait.
    """
    x, y = (values.tensor_split(session.parts)[0] for values in (batch.x, batch.y))
    before = [buffer.clone() for buffer in session.model.buffers()]
    loss_of(session, batch._replace(x=x, y=y)).backward()  # type: ignore[no-untyped-call]
    for buffer, old in zip(session.model.buffers(), before, strict=True):
        buffer.copy_(old)
    for name, parameter in session.model.named_parameters():
        if parameter.requires_grad and parameter.grad is None:
            raise InputError(
                f"model: {name} takes no part in training, which several devices cannot share so"
            )
    session.optimizer.zero_grad(set_to_none=True)
    session.settled = True


def loss_of(session: Session, batch: Batch) -> Tensor:
    """The loss of a batch, or of a part of it; the same network draws whenever it is taken in one step."""
    if session.draws_itself:
        stream = f"network/{batch.part}" if batch.part else "network"
        torch.manual_seed(session.streams.key(session.world.own(stream), session.step))
    with session.autocast:
        answer = session.forward(batch.x)
        outputs, *auxiliary = answer if isinstance(answer, tuple) else (answer,)
        return session.loss(batch._replace(outputs=outputs, auxiliary=tuple(auxiliary)))


def close_epoch(session: Session) -> EpochRow:
    """Evaluate where the recipe says so, and note the epoch's row."""
    budget, resolved = session.recipe.budget, session.resolved
    wanted = session.step == resolved.total_steps or budget.evaluate == "every_epoch"
    session.validation = evaluate_on(session, "validation") if wanted else None
    loss = session.world.summed(session.loss_sum).item() / session.world.size / resolved.steps_per_epoch
    speed, waiting = session.clock.lap(budget.batch_size)
    row = EpochRow(
        epoch=session.step // resolved.steps_per_epoch,
        step=session.step,
        loss=loss if isfinite(loss) else None,
        lr=session.lr(session.step - 1),
        images_per_second=speed,
        waiting=waiting,
        top1=session.validation.accuracy(1) if session.validation else None,
        top5=session.validation.accuracy(5) if session.validation else None,
    )
    session.rows.append(row)
    return row


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
