"""A lap: some steps of a run, timed alone, for comparing the pace of several runs in one process."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, count, islice
from time import perf_counter

from torch import Tensor

from trickbag.recipe import Machine
from trickbag.train.feed import Fed, epoch_order, feed
from trickbag.train.loop import train_step
from trickbag.train.resolved import Resolved
from trickbag.train.session import Session, build_session, set_backends


def start_session(resolved: Resolved, seed: int, machine: Machine) -> tuple[Session, float]:
    """A session that has done its first step, and the seconds that building, compiling and that step took."""
    started = perf_counter()
    session = build_session(resolved, seed, machine)
    session.model.train()
    _go(session, feed(session, islice(_upcoming(session, 1), 1)))
    return session, session.clock.now() - started


def lap(session: Session, steps: int) -> float:
    """Seconds of the run's next `steps` steps, with the device drained at both ends.

    Process-wide switches are those of this session's recipe. One untimed step goes first, since caches and
    allocator still hold another run's data. Streamed images are decoded ahead before the clock starts, and as far
    ahead when it stops. Nothing but steps is timed: the order of the images is drawn before, and there is no
    evaluation. After its last step the run begins again, with the weights it has.
    """
    set_backends(session.recipe)
    session.model.train()
    with closing(feed(session, _upcoming(session, 1 + steps))) as images:
        _go(session, islice(images, 1))
        started = session.clock.now()
        _go(session, islice(images, steps))
        return session.clock.now() - started


def _go(session: Session, images: Iterable[Fed]) -> None:
    """Do the steps of these images, and stand before the next; the first follows the last."""
    for fed in images:
        train_step(session, fed)
        session.step = (session.step + 1) % session.resolved.total_steps


def _upcoming(session: Session, at_once: int) -> Iterator[tuple[int, Tensor]]:
    """Epoch and image ids (int64 [B]) of the steps to come, without end; so many of them are drawn now."""
    steps = _steps(session)
    return chain(list(islice(steps, at_once)), steps)


def _steps(session: Session) -> Iterator[tuple[int, Tensor]]:
    """Epoch and image ids (int64 [B]) of the steps to come, each drawn when it is asked for."""
    per_epoch, total = session.resolved.steps_per_epoch, session.resolved.total_steps
    drawn: tuple[int, Tensor] | None = None
    for step in count(session.step):
        epoch, position = divmod(step % total, per_epoch)
        if drawn is None or drawn[0] != epoch:
            drawn = epoch, epoch_order(session, epoch)
        yield epoch, drawn[1][position]
