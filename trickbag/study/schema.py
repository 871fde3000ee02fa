"""The study file: a question, a plain baseline, what to switch on, how often, and how to judge."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from trickbag.recipe import Frozen, Machine

Design = Literal[
    "one_at_a_time", "cumulative", "leave_one_out", "full_factorial", "fractional_factorial", "shapley"
]


Percent = Annotated[float, Field(ge=0, le=100)]


class InlineTrick(Frozen):
    """A trick of the study's own, a catalogue trick with other values, a named group, or an A/A arm."""

    name: str | None = Field(None, description="Name of the arm; required unless `trick` gives one.")
    trick: str | None = Field(None, description="A catalogue trick whose values `set` changes.")
    set: dict[str, Any] = Field(default_factory=dict, description="Field path -> value.")
    tricks: tuple["TrickSpec", ...] = Field((), description="Tricks that are switched together, in order.")
    levels: tuple["TrickSpec", ...] = Field((), description="Alternatives of which at most one is on.")
    replica: int | None = Field(None, ge=1, description="An independent repeat: salts every random stream.")

    @model_validator(mode="after")
    def _one_kind(self) -> "InlineTrick":
        """A group or a set of levels holds tricks alone; everything else has something to set."""
        if self.levels and (not self.name or self.tricks or self.trick or self.set or self.replica):
            raise ValueError("a factor with `levels` takes a `name` and nothing else")
        if self.tricks and (self.trick or self.set or self.replica):
            raise ValueError("a group of `tricks` takes a `name` and nothing else")
        if self.trick and self.replica:
            raise ValueError(
                "`replica` repeats the baseline; group it with the trick, as tricks: [NAME, {…}]"
            )
        if not (self.tricks or self.trick or self.levels) and not (self.name and (self.set or self.replica)):
            raise ValueError("a trick of the study's own needs a `name` and what it sets")
        return self


TrickSpec = str | InlineTrick
Factor = str | InlineTrick | tuple[TrickSpec, ...]


class Teacher(Frozen):
    """The network that distillation learns from: the baseline with changes, trained first."""

    tricks: tuple[TrickSpec, ...] = Field((), description="Tricks that are on for the teacher.")
    set: dict[str, Any] = Field(default_factory=dict, description="Field path -> value.")
    seed: int = Field(1, ge=0, description="Seed of the one teacher that all students share.")


class WorkloadSpec(Frozen):
    """A network on a data set: a change of the study's baseline."""

    name: str
    baseline: str | dict[str, Any] | None = Field(None, description="Another recipe; the study's if null.")
    set: dict[str, Any] = Field(default_factory=dict, description="Field path -> value.")


class Tune(Frozen):
    """The same number of quasi-random points for every arm and its comparison, before anything is judged."""

    points: int = Field(8, ge=2, description="Points per arm, the arm's own values among them.")
    seeds: int = Field(1, ge=1, description="Seeds per point; never those that judge.")
    space: dict[str, tuple[float, float]] | None = Field(
        None,
        min_length=1,
        description="Field path -> range of factors on the arm's own value, searched on a log scale; null: "
        "where the arm's tricks say and, unless they name a field of the optimizer, learning rate and weight "
        "decay by 0.25 to 4.",
    )


class Screen(Frozen):
    """A first look at all arms with few seeds, which claims nothing; the best go on to fresh seeds."""

    seeds: int = Field(3, ge=1, description="Seeds per arm; never those that judge.")
    keep: int = Field(5, ge=1, description="How many arms go on, the largest mean effect first.")


class Published(Frozen):
    """Accuracies that somebody printed for arms like these; the report shows them beside ours."""

    source: str = Field(min_length=1, description="Where they are printed: paper and table.")
    workload: str | None = Field(None, description="Of which workload; null: of every one.")
    values: dict[str, Percent] = Field(
        min_length=1, description="Name of an arm (`baseline` too) -> top-1 accuracy in percent."
    )


class Cap(Frozen):
    """The most that a study may cost."""

    runs: int | None = Field(None, ge=1, description="Runs, teachers, tuning and screening included.")
    hours: float | None = Field(None, gt=0, description="Hours of training, summed over runs.")


class Study(Frozen):
    """A question, and how it will be answered."""

    name: str = Field(description="Short name; the title of the report.")
    question: str = Field("", description="What the study asks, in a sentence.")
    baseline: str | dict[str, Any] = Field(
        description="Recipe name, file, or the recipe itself: every trick off."
    )
    set: dict[str, Any] = Field(
        default_factory=dict, description="Changes of the baseline: field path -> value."
    )
    workloads: tuple[WorkloadSpec, ...] = Field((), description="Networks and data sets; one if empty.")
    teacher: Teacher | None = Field(None, description="What distillation learns from.")
    factors: tuple[Factor, ...] = Field(min_length=1, description="What the design switches, in order.")
    design: Design = Field("one_at_a_time", description="How the factors are combined into arms.")
    resolution: Literal[3, 4, 5] = Field(
        5, description="Of a fractional factorial: 5 keeps two-factor interactions clear, 4 main effects."
    )
    interactions: Literal["all"] | tuple[tuple[str, str], ...] = Field(
        (), description="Pairs of factors whose interaction a factorial design estimates."
    )
    orders: int | None = Field(
        None, ge=2, description="Of a shapley design: so many random orders; null: all combinations."
    )
    compare: Literal["baseline", "previous", "stack", "all_pairs"] | tuple[tuple[str, str], ...] | None = (
        Field(None, description="Pairs to judge; null: what the design is about.")
    )
    seeds: int | tuple[int, ...] = Field(5, description="How many seeds (the first n integers), or which.")
    pairing: Literal["seeds", "none"] = Field(
        "seeds",
        description="seeds: all arms share them. none: each has its own, the baseline √k times as many.",
    )
    tune: Tune | None = Field(None, description="Tune every arm alike first; null: drop-in values (T0).")
    screen: Screen | None = Field(None, description="Screen all arms first; null: judge all of them.")
    looks: tuple[int, ...] = Field(
        (),
        description="Interim looks at so many seeds per arm (O'Brien-Fleming); empty: one look at the end.",
    )
    cap: Cap | None = Field(None, description="The most that the study may cost.")
    durations: tuple[float, ...] = Field(
        (),
        description="Also train the baseline so many times as long: what a gain is worth in training time.",
    )
    margin: float = Field(gt=0, description="Smallest effect that matters, in points of accuracy.")
    time_margin: float = Field(2.0, gt=0, description="Percent of training time that make no difference.")
    seed_sd: float | None = Field(
        None, gt=0, description="Expected SD between seeds in points, for the price; null: from earlier runs."
    )
    published: tuple[Published, ...] = Field((), description="Printed accuracies to show beside ours.")
    machine: Machine = Machine()

    @field_validator("seeds")
    @classmethod
    def _enough_seeds(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        """At least two different seeds: variance must be seen."""
        chosen = range(1, seeds + 1) if isinstance(seeds, int) else seeds
        if negative := next((seed for seed in chosen if seed < 0), None):
            raise ValueError(f"{negative} is no seed; they count from 0")
        if len(set(chosen)) != len(chosen):
            raise ValueError("a seed stands twice; each may count once only")
        if len(chosen) < 2:
            raise ValueError("at least 2 seeds are needed to see how much results vary; 5 or more for claims")
        return seeds

    @field_validator("workloads")
    @classmethod
    def _names_differ(cls, workloads: tuple[WorkloadSpec, ...]) -> tuple[WorkloadSpec, ...]:
        """Every workload has a name of its own."""
        names = [workload.name for workload in workloads]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two are called {twice!r}; give each a name of its own")
        return workloads

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds that every arm shares."""
        return tuple(range(1, self.seeds + 1)) if isinstance(self.seeds, int) else self.seeds
