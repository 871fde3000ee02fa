"""The engine: hands runs to Ray as tasks, and collects their files into the study's folder."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trickbag.errors import InputError
from trickbag.records.files import write_whole
from trickbag.records.progress import PROGRESS
from trickbag.records.run import CHECKPOINT, RUN, WEIGHTS, read_run
from trickbag.run.engines.engine import Ended, Job
from trickbag.run.engines.on_ray.bundle import make_bundle
from trickbag.run.engines.on_ray.cluster import check_head, check_room, connect, load_ray, room
from trickbag.run.engines.on_ray.mailbox import Mailbox
from trickbag.run.engines.on_ray.task import train_run
from trickbag.run.engines.on_ray.trouble import (
    ClusterLostError,
    NodeError,
    VersionError,
    answering,
    trouble_of,
)
from trickbag.run.engines.on_ray.upload import UNDER_WAY
from trickbag.run.finish import close_failed, run_folder
from trickbag.run.locks import run_lock
from trickbag.run.scratch import YOUNG, sweep

STOP_SECONDS = 10.0  # a run writes its checkpoint within a step; after this it is given up
LOOK_SECONDS = 3.0  # without an answer, after which it is seen whether the head still listens
ANSWER_SECONDS = 20.0  # after which the cluster is taken for lost; after 60 Ray ends this process


@dataclass
class _Submitted:
    """A run that was handed to Ray."""

    run_id: str
    place: Path
    held: ExitStack  # the lock of its folder
    started: bool = False


class RayEngine:
    """Runs as tasks of a Ray cluster, to which it connects when there is a first run to do."""

    def __init__(self, job: Job) -> None:
        """InputError where Ray is missing, or the machine block asks for what Ray decides."""
        machine, self._ray = job.machine, load_ray()
        cuda = machine.device.startswith("cuda")
        if cuda and machine.device != "cuda":
            raise InputError(f"machine.device: {machine.device}: Ray hands out the GPUs; plan with cuda")
        self._job, self._runs = job, {run.id: run for run in job.plan.runs}
        self._needs = {"CPU": machine.threads * (1 if cuda else machine.devices)}
        self._needs |= {"GPU": machine.devices} if cuda else {}
        self._submitted = dict[Any, _Submitted]()  # by the reference to what its task returns
        self._over = list[Ended]()
        self._unfit = defaultdict[str, set[str]](set)  # run id -> ids of the nodes that lack something for it
        self._weights = dict[str, Any]()
        self._mailbox: Any = None
        self._silent_since = 0.0  # on the monotonic clock; 0: the mailbox answers
        self._lost = False  # the cluster does not answer any more

    def capacity(self) -> int:
        """How many runs the nodes have room for; with `machine.workers` so many, whatever nodes there are by now."""
        if self._job.machine.workers or self._mailbox is None:
            return self._job.machine.workers or 1
        with self._answering():
            return max(1, room(self._ray, self._needs))

    def free(self) -> int:
        """How many more runs can be submitted now."""
        return self.capacity() - len(self._submitted) - len(self._over)

    def submit(self, run_id: str) -> None:
        """Hand a run, and its checkpoint where there is one, to Ray; ClusterLostError where that is gone."""
        if self._mailbox is None:
            self._connect()
        place, held = run_folder(self._job.folder, self._runs[run_id]), ExitStack()
        held.enter_context(run_lock(place))
        if read_run(place) is not None:  # an earlier driver has just finished it
            held.close()
            self._over.append(Ended(run_id))
            return
        kept = [place / name for name in (CHECKPOINT, PROGRESS) if (place / name).exists()]
        files = {path.name: path.read_bytes() for path in kept}
        elsewhere = (
            {"ray.io/node-id": f"!in({','.join(self._unfit[run_id])})"} if self._unfit[run_id] else None
        )
        with self._answering():
            task = self._task.options(name=run_id, label_selector=elsewhere).remote(
                [self._bundle], run_id, files, self._weights_for(run_id), self._mailbox
            )
        self._submitted[task] = _Submitted(run_id, place, held)

    def wait(self, seconds: float) -> list[Ended]:
        """The runs that ended; files of those under way are put into their folders meanwhile.

        ClusterLostError where Ray does not answer any more.
        """
        ended, self._over = self._over, []
        if not self._submitted:
            return ended
        with self._answering():
            # where the driver's own node dies with the head, Ray would wait here and then end this process
            check_head(self._ray)
            done, _ = self._ray.wait(list(self._submitted), timeout=0 if ended else seconds)
            self._take_uploads()
            return ended + [self._collect(task) for task in done]

    def cancel(self) -> None:
        """Have running runs save their state, take it, and leave the cluster."""
        try:
            with suppress(ClusterLostError), self._answering():
                if self._submitted and not self._lost:
                    self._stop()
        finally:
            for run in self._submitted.values():
                run.held.close()
            self._submitted.clear()
            if self._mailbox is not None:
                self._mailbox = None
                if not self._lost:  # nobody is there to take leave of, which Ray would wait for
                    self._ray.shutdown()
                sweep(0.0 if self._job.machine.ray_address is None else YOUNG)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """ClusterLostError where Ray does not answer; nothing more is asked then."""
        try:
            with answering(self._ray.exceptions):
                yield
        except ClusterLostError:
            self._lost = True
            raise

    def _stop(self) -> None:
        """Tell the runs to stop and wait until they have, or for so long as they may take."""
        deadline = time.monotonic() + STOP_SECONDS
        self._mailbox.stop.remote()
        self._take_uploads()
        for task, run in self._submitted.items():
            if not run.started:
                self._ray.cancel(task)
        while self._submitted and time.monotonic() < deadline:
            self.wait(0.2)
        for task in self._submitted:
            self._ray.cancel(task, force=True)

    def _connect(self) -> None:
        """Connect, and put into the object store what all runs share; nothing stays connected where that fails."""
        ray, cpus = self._ray, self._needs["CPU"]
        try:
            connect(ray, self._job.machine, cpus)
            check_room(ray, self._job.machine, self._needs)
            self._task = ray.remote(num_cpus=cpus, num_gpus=self._needs.get("GPU", 0), max_retries=0)(
                train_run
            )
            self._bundle = ray.put(make_bundle(self._job, ray.put))
            here = ray.get_runtime_context().get_node_id()
            near = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=True)
            actor = ray.remote(num_cpus=0, max_restarts=-1, max_concurrency=10_000)(Mailbox)
            self._mailbox = actor.options(scheduling_strategy=near).remote()
        except BaseException:
            ray.shutdown()
            raise

    def _weights_for(self, run_id: str) -> dict[str, Any]:
        """References to the weights of the runs that a run needs, each put into the object store once."""
        found = {}
        for need in self._runs[run_id].needs:
            path = self._job.folder / "runs" / need / WEIGHTS
            if need not in self._weights and path.exists():  # where they are missing, the run says so
                self._weights[need] = self._ray.put(path.read_bytes())
            if need in self._weights:
                found[need] = self._weights[need]
        return found

    def _take_uploads(self) -> None:
        """Put the newest files of runs under way into their folders."""
        by_id = {run.run_id: run for run in self._submitted.values()}
        try:
            uploads = self._answer_to(self._mailbox.take.remote())
        except self._ray.exceptions.RayActorError:
            self._silent_since = self._silent_since or time.monotonic()
            if time.monotonic() - self._silent_since > ANSWER_SECONDS:
                raise
            return  # Ray starts it again; the runs stop, and are taken up again
        self._silent_since = 0.0
        for run_id, files in uploads.items():
            if run_id in by_id:
                by_id[run_id].started = True
                _write(by_id[run_id].place, files)

    def _answer_to(self, question: Any) -> Any:
        """What the mailbox answers; ConnectionError where the head is gone, TimeoutError after a long silence."""
        patience = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return self._ray.get(question, timeout=LOOK_SECONDS)
            except self._ray.exceptions.GetTimeoutError:
                check_head(self._ray)
                if time.monotonic() > patience:
                    raise

    def _collect(self, task: Any) -> Ended:
        """Put what a run left into its folder, its record last; or say what went wrong.

        It is forgotten only then: where an interruption comes in between, `cancel` collects it again.
        """
        run = self._submitted[task]
        try:
            files = self._ray.get(task)
        except self._ray.exceptions.RayError as error:
            ended = self._trouble(run, error)
        else:
            _write(run.place, files)
            told = "" if RUN in files else "it was told to stop"
            ended = Ended(run.run_id, told, blameless=bool(told))
        run.held.close()
        del self._submitted[task]
        return ended

    def _trouble(self, run: _Submitted, error: Exception) -> Ended:
        """What kept a run from ending; where its node lacks something, another is tried before that is recorded."""
        cause = getattr(error, "cause", None)
        if isinstance(cause, VersionError) or not isinstance(cause, NodeError):
            return trouble_of(self._ray.exceptions, run.run_id, error)
        self._unfit[run.run_id].add(cause.node)
        if room(self._ray, self._needs, without=self._unfit[run.run_id]):
            return Ended(run.run_id, str(cause), blameless=True)
        planned = self._runs[run.run_id]
        recipe = self._job.plan.arm(planned.workload, planned.arm).recipe
        close_failed(run.place, planned, recipe, "failed", f"InputError: {cause}")
        return Ended(run.run_id)


def _write(place: Path, files: dict[str, bytes]) -> None:
    """Write files of a run, each whole and its record last; with that, what belonged to it under way is gone."""
    for name, content in sorted(files.items(), key=lambda item: item[0] == RUN):
        write_whole(place / name, partial(Path.write_bytes, data=content))
    if RUN in files:
        for name in set(UNDER_WAY) - set(files):
            (place / name).unlink(missing_ok=True)
