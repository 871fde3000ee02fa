"""The study file: a question, a plain baseline, what to switch on, how often, and how to judge."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from trickbag.recipe import Frozen, Machine

Design = Literal["one_at_a_time", "cumulative"]


class InlineTrick(Frozen):
    """A trick of the study's own, a catalogue trick with other values, a named group, or an A/A arm."""

    name: str | None = Field(None, description="Name of the arm; required unless `trick` gives one.")
    trick: str | None = Field(None, description="A catalogue trick whose values `set` changes.")
    set: dict[str, Any] = Field(default_factory=dict, description="Field path -> value.")
    tricks: tuple["TrickSpec", ...] = Field((), description="Tricks that are switched together, in order.")
    replica: int | None = Field(None, ge=1, description="An independent repeat: salts every random stream.")

    @model_validator(mode="after")
    def _one_kind(self) -> "InlineTrick":
        """A group holds tricks alone; everything else has something to set."""
        if self.tricks and (self.trick or self.set or self.replica):
            raise ValueError("a group of `tricks` takes a `name` and nothing else")
        if self.trick and self.replica:
            raise ValueError(
                "`replica` repeats the baseline; group it with the trick, as tricks: [NAME, {…}]"
            )
        if not self.tricks and not self.trick and not (self.name and (self.set or self.replica)):
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
    design: Design = Field("one_at_a_time", description="Each factor alone, or stacked in the given order.")
    compare: Literal["baseline", "previous"] | tuple[tuple[str, str], ...] | None = Field(
        None, description="Pairs to judge; null: baseline, or previous and both ends for a cumulative design."
    )
    seeds: int | tuple[int, ...] = Field(5, description="How many seeds (the first n integers), or which.")
    margin: float = Field(gt=0, description="Smallest effect that matters, in points of accuracy.")
    machine: Machine = Machine()

    @field_validator("seeds")
    @classmethod
    def _enough_seeds(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        """At least two different seeds: variance must be seen."""
        chosen = range(1, seeds + 1) if isinstance(seeds, int) else seeds
        if len(set(chosen)) != len(chosen):
            raise ValueError("a seed stands twice; each may count once only")
        if len(chosen) < 2:
            raise ValueError("at least 2 seeds are needed to see how much results vary; 5 or more for claims")
        return seeds

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds that every arm shares."""
        return tuple(range(1, self.seeds + 1)) if isinstance(self.seeds, int) else self.seeds
