"""The state of a run under way. All randomness is a function of the step, so there is no other state.

Of several processes all hold the same state but for the losses of their shares. Rank 0 reads and writes.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from trickbag.errors import InputError
from trickbag.records.files import write_whole
from trickbag.records.progress import EpochRow
from trickbag.records.run import Timings
from trickbag.train.session import Session

VERSION = 2


def save_checkpoint(session: Session, path: Path) -> None:
    """Write everything needed to continue exactly here, whole; all processes of the run call it at the same step."""
    world, loss_sums = session.world, session.world.all_gather(session.loss_sum[None])
    if world.is_rank_zero:
        state = _state(session) | {"devices": world.size, "loss_sum": loss_sums}
        write_whole(path, lambda temporary: torch.save(state, temporary))
    world.any_rank()  # nobody goes on, or ends, before it is on the disk


def _state(session: Session) -> dict[str, Any]:
    """What all processes of a run hold alike."""
    return {
        "version": VERSION,
        "fingerprint": session.recipe.fingerprint(),
        "seed": session.streams.seed,
        "step": session.step,
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "update": dict(session.update.state),
        "average": session.average.averaged.state_dict() if session.average else None,
        "scaler": session.scaler.state_dict() if session.scaler else None,
        "rows": [row.model_dump() for row in session.rows],
        "timings": session.clock.timings().model_dump(),
        "resumed": session.resumed,
    }


def load_checkpoint(session: Session, path: Path, other_devices: bool = False) -> None:
    """Continue from a checkpoint; all processes of the run call it.

    InputError where it belongs to another run, cannot be read, does not fit, or (unless `other_devices`) was made on
    another number of devices, which would change the last digits.
    """
    state = _read(path, session)
    if (state.get("fingerprint"), state.get("seed")) != (session.recipe.fingerprint(), session.streams.seed):
        raise InputError(f"{path}: a checkpoint of another run; remove it to start afresh")
    devices = state.get("devices", 1)
    if devices != session.world.size and not other_devices:
        raise InputError(
            f"{path}: a checkpoint of a run on {devices} devices, not on {session.world.size}: go on with "
            f"machine.devices={devices}; or, in a study, amend its plan (trickbag plan DIR --amend 'reason' "
            f"machine.devices={session.world.size}); or remove the checkpoint to start afresh"
        )
    try:
        _restore(session, state)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # what was not written by `save_checkpoint` may hold anything
        raise InputError(
            f"{path}: damaged checkpoint ({type(error).__name__}); remove it to start afresh"
        ) from None


def _restore(session: Session, state: dict[str, Any]) -> None:
    """Bring a session into a checkpoint's state."""
    session.model.load_state_dict(state["model"])
    session.optimizer.load_state_dict(state["optimizer"])
    for name, tensor in session.update.state.items():
        tensor.copy_(state["update"][name])
    if session.average:
        session.average.averaged.load_state_dict(state["average"])
    if session.scaler:
        session.scaler.load_state_dict(state["scaler"])
    sums = state["loss_sum"].view(-1)
    same = len(sums) == session.world.size
    session.loss_sum.copy_(sums[session.world.rank] if same else sums.mean())
    session.step = state["step"]
    session.rows = [EpochRow.model_validate(row) for row in state["rows"]]
    session.clock.resume(Timings.model_validate(state["timings"]))
    session.resumed = state["resumed"] + 1


def _read(path: Path, session: Session) -> dict[str, Any]:
    """The state in a checkpoint file, which only rank 0 need see: tensors and plain data only."""
    world = session.world
    try:
        file = (
            path
            if world.size == 1
            else BytesIO(world.broadcast(path.read_bytes() if world.is_rank_zero else b""))
        )
        state: dict[str, Any] = torch.load(file, map_location=session.device, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # torch.load raises whatever its unpickler met
        raise InputError(
            f"{path}: damaged checkpoint ({type(error).__name__}); remove it to start afresh"
        ) from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise InputError(f"{path}: a checkpoint of another version of trickbag; remove it to start afresh")
    return state
