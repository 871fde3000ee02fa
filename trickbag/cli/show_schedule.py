"""`trickbag show schedule NAME`: its arguments, its factor over a training, drawn, and what it spends."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trickbag.cli.draw import area, with_axes
from trickbag.recipe import Schedule, in_steps, load_recipe, parse_overrides, recipe_names, steps, validate
from trickbag.tricks import CATALOGUE as TRICKS

EPOCHS, PER_EPOCH = 100, 60  # of the training that is drawn
RESTS = 30  # epoch from which the accuracy that a plateau is drawn for rises no more


def show_schedule(name: str, fields: Sequence[str]) -> None:
    """Print a schedule's arguments and docstring, its drawing, and what it spends.

    `fields` are arguments and the warm-up, like final=0.1 and warmup=5ep; arguments without a default are
    otherwise those of the trick or the recipe that uses the schedule, or 10%.
    """
    from trickbag.schedule import SCHEDULES, spent, watches

    schedule = SCHEDULES[name]
    given = {path.removeprefix("schedule."): value for path, value in parse_overrides(fields).items()}
    section = validate(Schedule, {"name": name, **_usual(name), **given}, "schedule")
    values = _factors(schedule, section)
    summary = spent(values)
    shown = ", ".join(f"{key}: {_plain(value)}" for key, value in section.arguments.items())
    print(f"{name}{_signature(name)}\n\n{inspect.getdoc(schedule) or ''}\n")
    print(f"Factor of optimizer.lr over {EPOCHS} epochs, warmup: {section.warmup}{shown and ', '}{shown}")
    if watches(schedule):
        print(f"for a validation accuracy that rises until epoch {RESTS} and then rests")
    print(with_axes(area(values), [str(EPOCHS * i // 5) for i in range(5)] + [f"{EPOCHS} epochs"]))
    print(
        f"mean factor {summary.mean:.3f} · {summary.high:.0%} of the steps above half of the peak · "
        f"last step {summary.final:.2g}"
    )


def _factors(schedule: Callable[..., float], section: Schedule) -> list[float]:
    """The factor of every step of the training that is drawn."""
    from trickbag.schedule import build_schedule
    from trickbag.train.arguments import arguments
    from trickbag.train.catalogue import PASSED

    total = EPOCHS * PER_EPOCH
    in_step = {name: in_steps(value, total, PER_EPOCH) for name, value in section.arguments.items()}
    args = arguments(schedule, in_step, "schedule", PASSED["schedule"], Schedule.model_fields)
    factor = build_schedule(schedule, args, total, steps(section.warmup, total, PER_EPOCH))
    history = [float(min(epoch, RESTS)) for epoch in range(EPOCHS)]
    return [factor(step, history[: step // PER_EPOCH]) for step in range(total)]


def _usual(name: str) -> Mapping[str, Any]:
    """The arguments with which a trick, or else a recipe, uses the schedule; else 10 % where one must be given."""
    for trick in TRICKS.values():
        if not callable(trick.patch) and trick.patch.get("schedule.name") == name:
            fields = {path.removeprefix("schedule."): value for path, value in trick.patch.items()}
            return {field: value for field, value in fields.items() if field != "name" and "." not in field}
    for recipe in recipe_names():
        if (section := load_recipe(recipe).schedule).name == name:
            return section.arguments
    return {argument.name: "10%" for argument in _own(name) if argument.default is argument.empty}


def _own(name: str) -> list[inspect.Parameter]:
    """The arguments that a recipe may set; trickbag passes the others."""
    from trickbag.schedule import SCHEDULES
    from trickbag.train.catalogue import PASSED

    parameters = inspect.signature(SCHEDULES[name]).parameters
    return [parameter for key, parameter in parameters.items() if key not in PASSED["schedule"]]


def _signature(name: str) -> str:
    """What a recipe may set, as one reads it."""
    shown = str(inspect.Signature(_own(name))).replace("*, ", "", 1)
    return (
        shown.replace("Annotated[int, 'steps']", "duration")
        .replace("typing.", "")
        .replace("Optional[duration]", "duration | None")
    )


def _plain(value: Any) -> str:
    """An argument as it is written in a recipe."""
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
