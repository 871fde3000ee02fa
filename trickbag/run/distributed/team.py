"""One process among those that torchrun started to train a run together: who it is, and what it agrees on."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self, TypeVar

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous

from trickbag.data.threads import available_cores
from trickbag.errors import InputError
from trickbag.recipe import Machine
from trickbag.train import device_of
from trickbag.train.world import joined

T = TypeVar("T")
LAUNCH = "TRICKBAG_LAUNCH"  # environment: a folder that the launcher shares with the processes it started
LAUNCHER = "TRICKBAG_LAUNCHER"  # environment: the process id of that launcher
STOP = "stop"  # in that folder: a file that is there once the run shall be interrupted
RANKS_LOST = 75  # exit code of a process that lost the others: EX_TEMPFAIL, "try again later"
REPORT_SECONDS = 2.0  # in which the first process has said what went wrong, where it went wrong in all
_LOST_WORDS = ("gloo", "nccl", "connection closed by peer", "connection reset by peer", "timed out waiting")


class RanksLostError(RuntimeError):
    """The other processes of this run do not answer any more."""

    def __init__(self, patience: float, why: str) -> None:
        """They were waited for `patience` seconds, unless the connection broke before: `why` is torch's message."""
        late = any(words in why.lower() for words in ("timed out", "timeout"))
        reason = f"no answer for {patience:g} s" if late else "connection closed"
        super().__init__(f"lost the other processes of this run ({reason})")


class ReportedElsewhereError(Exception):
    """What is to be said is said by another process of this run; this one ends with `code`."""

    def __init__(self, code: int) -> None:
        """End with exit code `code`."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Team:
    """This process among the `size` that train one run; `local` counts those of this machine."""

    rank: int = 0
    size: int = 1
    local: int = 0
    store: Store | None = None  # torchrun's, in which the processes find each other
    patience: float = 0.0  # seconds
    parent: int = field(default_factory=lambda: int(os.environ.get(LAUNCHER, os.getppid())))

    @classmethod
    def here(cls, machine: Machine) -> Self:
        """The team that torchrun's environment speaks of; a team of one where it did not start this process.

        InputError where `machine.devices` is another number than torchrun's (ReportedElsewhereError in all but the
        first process); RanksLostError where its store is not to be reached.
        """
        if not is_launched():
            if machine.devices > 1:
                raise InputError(
                    f"machine.devices: {machine.devices} devices need as many processes; start them with the command "
                    f"`trickbag train` or with torchrun --nproc-per-node {machine.devices}"
                )
            return cls()
        size = int(os.environ["WORLD_SIZE"])
        if machine.devices not in (1, size):
            if os.environ["RANK"] != "0":
                raise ReportedElsewhereError(2)
            raise InputError(
                f"machine.devices: {machine.devices} is asked for, but torchrun started {size} processes; leave it out"
            )
        patience = machine.patience_seconds
        try:
            store, rank, size = next(rendezvous("env://", timeout=timedelta(seconds=patience)))
        except RuntimeError as error:
            raise RanksLostError(patience, str(error)) from None
        return cls(rank, size, int(os.environ["LOCAL_RANK"]), store, patience)

    def own(self, machine: Machine) -> Machine:
        """The machine as this process has it: its device, and its share of the threads that decode."""
        if self.size == 1:
            return machine
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        loaders = max(1, (machine.loaders or available_cores()) // here)
        machine = machine.model_copy(update={"loaders": loaders, "devices": self.size})
        if device_of(machine).type != "cuda":
            return machine
        if self.local >= torch.cuda.device_count():
            raise InputError(
                f"--nproc-per-node: {here} processes, but {torch.cuda.device_count()} CUDA devices on "
                f"{socket.gethostname()}; start one process per device"
            )
        return machine.model_copy(update={"device": f"cuda:{self.local}"})

    def on_all_ranks(self, topic: str, work: Callable[[], T]) -> T:
        """What `work` gives here, once it has succeeded in every process; each topic can be settled once.

        Where it raised InputError or OSError in one, all raise: the first process InputError, the others
        ReportedElsewhereError.
        """
        if self.size == 1:
            return work()
        trouble = ""
        try:
            result = work()
        except InputError as error:
            trouble = str(error)
        except OSError as error:
            trouble = f"{error.filename or 'a file'}: {error.strerror or error}"
        for rank, said in enumerate(self.exchanged(topic, trouble)):
            if said and self.rank:
                raise ReportedElsewhereError(2)
            if said:
                raise InputError(said if rank == 0 else f"process {rank}: {said}")
        return result

    def exchanged(self, topic: str, said: str) -> list[str]:
        """What each process says on a topic, in order of rank; RanksLostError where one does not speak in time."""
        if self.store is None:
            return [said]
        keys, heard = ([f"{topic}{end}/{rank}" for rank in range(self.size)] for end in ("", "/heard"))
        patience = timedelta(seconds=self.patience)
        try:
            self.store.set(keys[self.rank], said)
            self.store.wait(keys, patience)
            answers = [self.store.get(key).decode() for key in keys]
            self.store.set(heard[self.rank], "")
            if self.rank == 0:  # which may keep the store, and end upon what it hears
                self.store.wait(heard, patience)
            return answers
        except RuntimeError as error:
            raise RanksLostError(self.patience, str(error)) from None

    @contextmanager
    def at_work(self, machine: Machine) -> Iterator[None]:
        """Train together. What goes wrong in all processes alike is said by the first alone.

        Raises RanksLostError where others do not answer, ReportedElsewhereError in all but the first where it speaks
        for them.
        """
        if self.size == 1:
            yield
            return
        assert self.store is not None
        try:
            with joined(machine, device_of(machine), self.store, self.rank, self.size):
                yield
        except KeyboardInterrupt:
            self._leave()
            if self.rank:
                raise ReportedElsewhereError(130) from None
            raise
        except Exception as error:
            if is_loss(error):
                raise RanksLostError(self.patience, str(error)) from error
            self._speak_once(error)
            raise
        self._leave()

    def stop(self, asked: Callable[[], bool]) -> Callable[[], bool]:
        """Whether to interrupt the run: as `asked`, or as the launcher says, or because it is gone."""
        if self.size == 1:
            return asked
        launcher = launch_folder()
        flag = launcher / STOP if launcher else None

        def stop() -> bool:
            return asked() or os.getppid() != self.parent or (flag is not None and flag.exists())

        return stop

    def _leave(self) -> None:
        """Wait for the first process, which writes for all: the launcher ends all as soon as one has ended."""
        assert self.store is not None
        try:
            if self.rank:
                self.store.wait(["left"], timedelta(seconds=self.patience))
            else:
                self.store.set("left", "")
        except RuntimeError:  # its launcher is gone already
            return

    def _speak_once(self, error: Exception) -> None:
        """Let the first process speak where all have the same to say; another one names itself."""
        assert self.store is not None
        key = f"said/{type(error).__name__}: {error}"
        try:
            if self.rank == 0:
                self.store.set(key, "")
                return
            self.store.wait([key], timedelta(seconds=REPORT_SECONDS))
        except RuntimeError:  # it has not said so, or cannot be heard
            if isinstance(error, InputError):
                raise InputError(f"process {self.rank}: {error}") from None
            error.add_note(f"in process {self.rank} of {self.size}, on {socket.gethostname()}")
            return
        raise ReportedElsewhereError(2 if isinstance(error, InputError) else 1) from None


def is_launched() -> bool:
    """Whether torchrun, or its programming interface, started this process."""
    return dist.is_torchelastic_launched()


def launch_folder() -> Path | None:
    """The folder that trickbag's own command shares with the processes it started; None under torchrun."""
    return Path(os.environ[LAUNCH]) if is_launched() and LAUNCH in os.environ else None


def is_loss(error: BaseException) -> bool:
    """Whether an error says that other processes do not answer; gloo raises plain RuntimeErrors."""
    if isinstance(error, dist.DistError):
        return True
    return type(error) is RuntimeError and any(words in str(error).lower() for words in _LOST_WORDS)
