"""The loop: straight down the page, the whole step visible, nothing optional in it but the seams."""

from functools import partial
from math import isfinite
from time import perf_counter

import torch
from torch import Tensor

from trickbag.records.progress import EpochRow
from trickbag.train.batch_norm import average_statistics
from trickbag.train.checkpoint import load_checkpoint, save_checkpoint
from trickbag.train.evaluation import evaluate_on
from trickbag.train.feed import Fed, epoch_order, feed, training_batch
from trickbag.train.seams import Batch, set_lr
from trickbag.train.session import Session
from trickbag.train.shares import order_buckets
from trickbag.train.watch import Outcome, Stopped, Watch


def train(session: Session, watch: Watch | None = None) -> Outcome:
    """Train to the last step, from the checkpoint where there is one, and evaluate.

    When `watch.stop` turns true, while training or evaluating, the state is saved and the outcome is `interrupted`.
    """
    watch = watch or Watch()
    world, path = session.world, watch.checkpoint
    if path is not None and world.any_rank(world.is_rank_zero and path.exists())[0]:
        load_checkpoint(session, path, watch.other_devices)
    try:
        while len(session.rows) < session.recipe.budget.epochs:
            train_epoch(session, watch)
            row = close_epoch(session, watch)
            watch.on_epoch(row)
            if row.loss is None:
                return Outcome("diverged")
        tested = len(session.resolved.images.test_labels) > 0
        test = evaluate_on(session, "test", watch) if tested else None
    except Stopped:
        save(session, watch)
        return Outcome("interrupted")
    return Outcome("done", session.validation, test)


def train_epoch(session: Session, watch: Watch) -> None:
    """Train to the end of the epoch under way, of which a run that goes on may have done any part, all included."""
    epoch = len(session.rows)
    done = session.step - epoch * session.resolved.steps_per_epoch
    if done == 0:
        session.loss_sum.zero_()
    session.model.train()
    session.clock.start()
    order = epoch_order(session, epoch)[done:]
    for fed in feed(session, [(epoch, ids) for ids in order]):
        train_step(session, fed)
        session.step += 1
        session.clock.step()
        watch.on_step(session.step, session.clock.waited())
        due = session.world.is_rank_zero and perf_counter() - session.saved > watch.checkpoint_seconds
        stopped, due = session.world.any_rank(watch.stop(), due)
        if stopped or due:
            session.clock.pause()
            if stopped:
                raise Stopped
            save(session, watch)
            session.clock.start()
    session.clock.pause()


def save(session: Session, watch: Watch) -> None:
    """Write the checkpoint, if one is wanted.

    An epoch of which an evaluation is under way, that of the test images included, is not yet closed there: a run
    that goes on evaluates it from the beginning.
    """
    if watch.checkpoint:
        del session.rows[(session.step - 1) // session.resolved.steps_per_epoch :]
        save_checkpoint(session, watch.checkpoint)
        watch.on_saved()
    session.saved = perf_counter()


def train_step(session: Session, fed: Fed) -> None:
    """One optimizer step on the images of `fed`."""
    batch = mixed(session, training_batch(session, fed))
    if not session.buckets_ordered:
        x, y = (values.tensor_split(session.parts)[0] for values in (batch.x, batch.y))
        order_buckets(session.model, partial(loss_of, session, batch._replace(x=x, y=y)))
        session.buckets_ordered = True
    set_lr(session.optimizer, session.lr(session.step))
    session.loss_sum += session.update(partial(loss_of, session), batch)
    average_statistics(session.model, session.world)
    if session.average:
        session.average.update(session.model, session.step)
        session.evaluated = None


def mixed(session: Session, batch: Batch) -> Batch:
    """What the batch seam makes of a step's images.

    Its operations see the images of all devices, as they would in one process: every device gets all of them, as
    float32, does the whole work and goes on with its share. Where the seam is empty nothing is exchanged.
    """
    if not session.batch:
        return batch
    world, parts = session.world, session.parts
    batch = batch._replace(x=world.gather_batch(batch.x, parts), y=world.gather_batch(batch.y, parts))
    for mix in session.batch:
        batch = mix(batch)
    x, y = world.shard(batch.x, parts), world.shard(batch.y, parts)
    if session.recipe.precision.channels_last:  # which an exchange does not keep
        x = x.contiguous(memory_format=torch.channels_last)
    return batch._replace(x=x, y=y)


def loss_of(session: Session, batch: Batch) -> Tensor:
    """The loss of a batch, or of a part of it; the same network draws whenever it is taken in one step."""
    if session.draws_itself:
        stream = f"network/{batch.part}" if batch.part else "network"
        torch.manual_seed(session.streams.key(session.world.own(stream), session.step))
    with session.autocast:
        answer = session.forward(batch.x)
        outputs, *auxiliary = answer if isinstance(answer, tuple) else (answer,)
        return session.loss(batch._replace(outputs=outputs, auxiliary=tuple(auxiliary)))


def close_epoch(session: Session, watch: Watch) -> EpochRow:
    """Evaluate where the recipe says so, and note the epoch's row."""
    budget, resolved = session.recipe.budget, session.resolved
    wanted = session.step == resolved.total_steps or budget.evaluate == "every_epoch"
    session.validation = evaluate_on(session, "validation", watch) if wanted else None
    loss = session.world.all_reduce(session.loss_sum).item() / session.world.size / resolved.steps_per_epoch
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
