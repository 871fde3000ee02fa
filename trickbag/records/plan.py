"""The plan: the frozen expansion of a study, which is the pre-registration."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from trickbag.recipe.schema import Frozen


class Workload(Frozen):
    """A network on a data set: what all its arms are judged on."""

    name: str
    data_digest: str
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    validation_ids: tuple[int, ...]


Role = Literal["arm", "teacher", "candidate", "duration"]


class Ledger(Frozen):
    """What was tuned before an arm was judged: T0, nothing; T1, as many points as for its comparison."""

    level: Literal["T0", "T1"] = "T0"
    points: int = 0  # tried for this arm, its own values among them
    seeds: tuple[int, ...] = ()  # that the points were tried with; never those that judge
    space: dict[str, tuple[float, float]] = {}  # field -> range of factors on the arm's own value
    chosen: dict[str, float] = {}  # field -> value of the winning point


class Arm(Frozen):
    """A baseline with some tricks on; arms with one fingerprint are one arm with several names."""

    name: str
    workload: str
    tricks: tuple[str, ...]
    fingerprint: str
    recipe: dict[str, Any]  # resolved
    diff: dict[str, tuple[Any, Any]]  # path -> (baseline's value, this arm's value)
    role: Role = "arm"
    candidate_of: str | None = None  # the arm that this is a tuning point of
    times_longer: float | None = None  # role duration: the baseline, trained so many times as long
    levels: dict[str, str | None] = {}  # factor -> its level in this arm, None where it is off
    ledger: Ledger = Ledger()


class Comparison(Frozen):
    """Arm minus comparison, one member of the family of claims."""

    workload: str
    arm: str
    comparison: str


class Contrast(Frozen):
    """A weighted sum of the accuracies of a workload's arms; the weights sum to zero.

    How much of a stack each factor carries, from the arms of a factorial or sampled-order design:
    `main_effect` (averaged over all settings of the others), `interaction` (what two factors bring together
    beyond the sum of what each brings, averaged over the others), `shapley` (averaged over all orders).
    Contrasts of one workload and kind are one family of claims.
    """

    workload: str
    kind: Literal["main_effect", "interaction", "shapley"]
    name: str  # the factor, or `a x b`
    weights: dict[str, float]  # arm -> weight


def _folder_name(name: str) -> str:
    """The name; ValueError where it would lead out of the folder that it is the name of a folder in."""
    if "/" in name or name in ("", ".", "..") or not name.isprintable() or len(name) > 200:
        raise ValueError(f"{name[:80]!r} cannot be the name of a run's folder")
    return name


class PlannedRun(Frozen):
    """One recipe trained with one seed; its identity is (fingerprint, seed), its id names its folder."""

    id: Annotated[str, AfterValidator(_folder_name)]
    workload: str
    arm: str
    fingerprint: str
    seed: int
    needs: tuple[str, ...] = ()  # ids of runs that must be done before


PhaseName = Literal["teacher", "tune", "screen", "confirm"]


class Phase(Frozen):
    """Runs that belong together: what one stage of the study trains."""

    name: PhaseName
    runs: tuple[PlannedRun, ...] = ()
    rule: str = "all listed runs"  # in words, how the runs were chosen
    look: int | None = None  # of a confirm phase with interim looks: which one, counted from 1
    reasons: dict[str, str] = {}  # arm -> why it goes on or not, of a phase that a rule chose


class Rule(Frozen):
    """How a later phase chooses its runs: a pure function of the plan and the records of the earlier ones."""

    phase: PhaseName
    seeds: tuple[int, ...]  # fresh ones
    keep: int | None = None  # how many arms go on; all if None
    looks: tuple[int, ...] = ()  # seeds per arm at each interim look; the last is all


class Judgement(Frozen):
    """The test that will judge the runs, fixed before they start."""

    method: str = "moderated paired differences, single-step max-|t| intervals"
    level: float = 0.95
    margin: float  # percentage points
    time_margin: float = 2.0  # percent of training time that make no practical difference
    pairing: Literal["seeds", "none"] = "seeds"  # none: every arm has seeds of its own (Dunnett)
    looks: tuple[int, ...] = ()  # seeds per arm at each interim look, the last is all
    look_levels: tuple[float, ...] = ()  # level of the simultaneous intervals at each look
    extensions: int = 0  # times that seeds were added after results could be seen


class Plan(Frozen):
    """What a study will run and how it will be judged."""

    study: dict[str, Any]
    workloads: tuple[Workload, ...]
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    contrasts: tuple[Contrast, ...] = ()
    phases: tuple[Phase, ...]  # those whose runs are listed
    later: tuple[Rule, ...] = ()  # the phases to come, in order, and how each will choose its runs
    judgement: Judgement
    # What the last digits depend on: device, threads, devices (absent: 1), torch version; and the retries.
    machine: dict[str, Any]
    design: str = ""  # in words: of a factorial its size, resolution and what is aliased with what
    dropped: dict[str, str] = {}  # cells of the design that cannot be, and why
    not_applicable: dict[str, dict[str, str]] = {}  # workload -> factor that means nothing on it -> why

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """The runs of all phases, in order."""
        return tuple(run for phase in self.phases for run in phase.runs)

    @property
    def decided_runs(self) -> tuple[PlannedRun, ...]:
        """The runs by whose outcome a later phase was chosen."""
        last = self.phases[-1]
        decided = [
            p for p in self.phases if p.name != "teacher" and (p.name, p.look) != (last.name, last.look)
        ]
        return tuple(run for phase in decided for run in phase.runs)

    def runs_of(self, arm: Arm, phase: PhaseName | None = None) -> list[PlannedRun]:
        """The runs that count for an arm, of one phase or of the last that it is in.

        Runs of different phases never mix: what chose an arm does not judge it. A teacher is not one of the
        students it equals.
        """
        found = dict[str, list[PlannedRun]]()
        for stage in self.phases:
            for run in stage.runs:
                own = (run.workload, run.fingerprint) == (arm.workload, arm.fingerprint)
                if own and (stage.name == "teacher") == (arm.role == "teacher"):
                    found.setdefault(stage.name, []).append(run)
        return found.get(phase or (list(found)[-1] if found else ""), [])

    def runs_by_arm(self) -> dict[tuple[str, str], list[PlannedRun]]:
        """What `runs_of` finds in the last phase of every arm, by workload and name, in one pass over the runs."""
        found = dict[tuple[str, str, bool], tuple[PhaseName, list[PlannedRun]]]()
        for stage in self.phases:
            for run in stage.runs:
                key = (run.workload, run.fingerprint, stage.name == "teacher")
                if key not in found or found[key][0] != stage.name:
                    found[key] = (stage.name, [])
                found[key][1].append(run)
        keys = {(a.workload, a.name): (a.workload, a.fingerprint, a.role == "teacher") for a in self.arms}
        return {arm: found[key][1] if key in found else [] for arm, key in keys.items()}

    def confirmed(self, workload: str) -> list[Comparison]:
        """The comparisons of a workload whose two arms have confirming runs: the family that is judged.

        Their seeds are fresh, so only these count in the correction for many comparisons.
        """
        runs = {
            run.fingerprint
            for p in self.phases
            if p.name == "confirm"
            for run in p.runs
            if run.workload == workload
        }
        names = {arm.name for arm in self.arms if arm.workload == workload and arm.fingerprint in runs}
        return [c for c in self.comparisons if c.workload == workload and {c.arm, c.comparison} <= names]

    def standing(self, workload: str) -> list[Comparison]:
        """The comparisons of a workload that are, or may yet be, judged: all, until confirming runs are listed."""
        return self.confirmed(workload) or [c for c in self.comparisons if c.workload == workload]

    def extended(self, body: dict[str, Any]) -> "Plan":
        """The plan with one more entry of that body (see `records.chain`)."""
        return Plan.model_validate(merged(self.model_dump(mode="json"), body))

    def arm(self, workload: str, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if (arm.workload, arm.name) == (workload, name))


def merged(plain: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A plain plan with an entry's body."""
    whole = plain | {k: v for k, v in body.items() if k not in ("phase", "arms")}
    whole["arms"] = _replaced(plain["arms"], body.get("arms", []))
    if "phase" in body:
        whole["phases"] = [*whole["phases"], body["phase"]]
    return whole


def _replaced(arms: list[dict[str, Any]], changed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Plain arms, those of the same workload and name replaced."""
    found = {(arm["workload"], arm["name"]): arm for arm in [*arms, *changed]}
    return list(found.values())
