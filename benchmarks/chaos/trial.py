"""One study on its way through disturbances: the command is given again and again until it is done."""

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos.processes import LIMIT, Command, kill, until
from benchmarks.chaos.study import Evidence, differences, evidence, finished, left_over
from benchmarks.chaos.victims import VICTIMS

# The exit code of a driver that was hit; 0 where the study was just through.
ENDS_DRIVER = {"driver": -9, "driver, SIGTERM": 130, "driver, SIGINT": 130}
PATIENCE = 20  # commands that may end by themselves and without success

Hit = tuple[str, str]  # who, and at what


@dataclass
class Trial:
    """A study in `folder`, and what went wrong beside what was meant to."""

    folder: Path
    output: Path  # what the commands print
    expected: Evidence | None = None
    wrong: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    records: dict[str, bytes] = field(default_factory=dict)  # run.json of every run seen to have finished

    def start(self) -> Command:
        """Give the command (again)."""
        self.note()
        self.commands.append(Command(self.folder, self.output))
        return self.commands[-1]

    def note(self) -> None:
        """Look at the finished runs: none may have changed, none may be gone."""
        now = finished(self.folder)
        changed = [name for name, text in self.records.items() if now.get(name) != text]
        self.wrong += [f"{name}: finished, and its record is another now" for name in changed]
        self.records |= now

    def disturb(self, hits: list[Hit], victims: deque[str], moments: random.Random, longest: float) -> None:
        """Hit the first victims in turn, `longest` seconds between two at most, as long as the study lasts.

        What was hit is taken from `victims` and appended to `hits`.
        """
        command, failures = self.start(), 0
        while victims and failures < PATIENCE:
            there = command.wait(moments.uniform(0, longest))
            said = VICTIMS[victims[0]](command, moments) if there else None
            if said is not None:
                who = victims.popleft()
                hits.append((who, said))
                if who in ENDS_DRIVER and (code := command.end()) not in (0, ENDS_DRIVER[who]):
                    self.wrong.append(f"{who}: exit code {code}, not {ENDS_DRIVER[who]}")
            if not command.alive():
                if command.process.returncode == 0:
                    break
                failures += said is None
                command = self.start()

    def finish(self) -> None:
        """Let the study come to its end, then hold everything against the undisturbed one."""
        command = self.commands[-1] if self.commands else self.start()
        for _ in range(PATIENCE):
            if command.end() == 0:
                break
            command = self.start()
        else:
            self.wrong.append(f"the command still ends with exit code {command.process.returncode}")
            return
        if not until(lambda: not any(each.processes() for each in self.commands), LIMIT, 0.05):
            self.wrong.append("processes are left over")
        self.note()
        self.wrong += [f"left over: {path}" for path in left_over(self.folder)]
        if self.expected is not None:
            self.wrong += differences(evidence(self.folder), self.expected)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Whatever goes wrong inside is noted, and nothing of the study goes on."""
        try:
            yield
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            for pid in {pid for each in self.commands for pid in each.processes()}:
                kill(pid)
        if "Traceback" in self.said():
            self.wrong.append("a command printed a traceback")

    def said(self) -> str:
        """What the commands have printed so far."""
        return self.output.read_text() if self.output.exists() else ""
