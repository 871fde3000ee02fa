"""The SLURM engine's own folder in a study, DIR/.slurm: scripts and logs of jobs, and which job is which run.

What is submitted is noted before it is: a driver that dies at any moment leaves no job that the next does not know.
"""

import shutil
import uuid
from pathlib import Path

from trickbag.recipe.schema import Frozen
from trickbag.records.files import FORMAT, read_record, write_record

FOLDER, NOTES = ".slurm", "jobs.json"
Place = tuple[str, int]  # a job: the name it was submitted under, and its place in the array


class _Notes(Frozen):
    """jobs.json: ids of runs in the order of their array, by the array's name in SLURM."""

    format: int = FORMAT
    jobs: dict[str, tuple[str, ...]] = {}


class JobNotes:
    """Jobs that may still be alive."""

    def __init__(self, study: Path) -> None:
        """Reads what an earlier driver noted; InputError where that is damaged."""
        self.folder = study / FOLDER
        self.folder.mkdir(exist_ok=True)
        path = self.folder / NOTES
        self._jobs = read_record(_Notes, path).jobs if path.exists() else {}

    def places(self) -> dict[Place, str]:
        """The id of the run of every job noted."""
        return {(name, i): run for name, runs in self._jobs.items() for i, run in enumerate(runs)}

    def add(self, runs: list[str]) -> str:
        """Note jobs about to be submitted; the name, met nowhere else, to submit them under."""
        name = f"trickbag-{uuid.uuid4().hex[:12]}"
        self._write({**self._jobs, name: tuple(runs)})
        return name

    def keep(self, alive: set[Place]) -> None:
        """Forget the arrays of which no job is alive."""
        names = {name for name, _ in alive}
        if not names.issuperset(self._jobs):
            self._write({name: runs for name, runs in self._jobs.items() if name in names})

    def log(self, number: str) -> Path:
        """The file that a job's output goes to."""
        return self.folder / f"{number}_0_log.out"

    def remove(self) -> None:
        """Remove the folder with all that lies in it."""
        self._jobs = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, jobs: dict[str, tuple[str, ...]]) -> None:
        self._jobs = jobs
        write_record(self.folder / NOTES, _Notes(jobs=jobs))
