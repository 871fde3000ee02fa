"""The state of a run under way. All randomness is a function of the step, so there is no other state."""

from pathlib import Path
from typing import Any

import torch

from trickbag.errors import InputError
from trickbag.records.files import write_whole
from trickbag.records.run import EpochRow, Timings
from trickbag.train.session import Session

VERSION = 2


def save_checkpoint(session: Session, path: Path) -> None:
    """Write everything needed to continue exactly here, whole."""
    state = {
        "version": VERSION,
        "fingerprint": session.recipe.fingerprint(),
        "seed": session.streams.seed,
        "step": session.step,
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "update": dict(session.update.state),
        "average": session.average.averaged.state_dict() if session.average else None,
        "scaler": session.scaler.state_dict() if session.scaler else None,
        "loss_sum": session.loss_sum,
        "rows": [row.model_dump() for row in session.rows],
        "timings": session.clock.timings().model_dump(),
        "resumed": session.resumed,
    }
    write_whole(path, lambda temporary: torch.save(state, temporary))


def load_checkpoint(session: Session, path: Path) -> None:
    """Continue from a checkpoint; InputError where it belongs to another run, cannot be read or does not fit."""
    state = _read(path, session.device)
    if (state.get("fingerprint"), state.get("seed")) != (session.recipe.fingerprint(), session.streams.seed):
        raise InputError(f"{path}: a checkpoint of another run; remove it to start afresh")
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
    session.loss_sum.copy_(state["loss_sum"])
    session.step = state["step"]
    session.rows = [EpochRow.model_validate(row) for row in state["rows"]]
    session.clock.resume(Timings.model_validate(state["timings"]))
    session.resumed = state["resumed"] + 1


def _read(path: Path, device: torch.device) -> dict[str, Any]:
    """The state in a checkpoint file: tensors and plain data only."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # torch.load raises whatever its unpickler met
        raise InputError(
            f"{path}: damaged checkpoint ({type(error).__name__}); remove it to start afresh"
        ) from None
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise InputError(f"{path}: a checkpoint of another version of trickbag; remove it to start afresh")
    return state
