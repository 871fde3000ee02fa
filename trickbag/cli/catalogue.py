"""`trickbag list KIND` and `trickbag show KIND NAME`: what there is, and what it is."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from trickbag.cli.show_schedule import show_schedule
from trickbag.errors import InputError, unknown
from trickbag.recipe import Trick, load_recipe, recipe_names
from trickbag.tricks import CATALOGUE as TRICKS

KINDS = ("tricks", "models", "optimizers", "schedules", "augmentations", "datasets", "recipes", "studies")
SECTIONS = {
    "models": "model",
    "optimizers": "optimizer",
    "schedules": "schedule",
    "augmentations": "sample",
    "datasets": "dataset",
}
Kind = Annotated[str, typer.Argument(help=", ".join(KINDS) + ".", show_default=False)]


def list_(kind: Kind, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List the names of a kind, with a line each."""
    entries = [{"name": name, "summary": summary} for name, summary in _summaries(_plural(kind)).items()]
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        print(f"{entry['name']:<{width}}  {entry['summary']}".rstrip())


def show(
    kind: Kind,
    name: Annotated[str, typer.Argument(show_default=False)],
    fields: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]…", help="Arguments of a schedule.", show_default=False),
    ] = None,
) -> None:
    """Show one entry: a trick's card and patch, a recipe as YAML, arguments, a schedule drawn."""
    kind = _plural(kind)
    names = _summaries(kind)
    if name not in names:
        raise unknown(kind.removesuffix("s"), name, names)
    if fields and kind != "schedules":
        raise InputError(
            f"{fields[0]}: only a schedule is shown with arguments, like show schedule cosine final=0.1"
        )
    if kind == "tricks":
        _show_trick(TRICKS[name], Console())
    elif kind == "recipes":
        print(load_recipe(name).yaml(), end="")
    elif kind == "studies":
        from trickbag.study.load import study_text

        print(study_text(name), end="")
    elif kind == "schedules":
        show_schedule(name, fields or [])
    else:
        _show_entry(name, _entries(kind)[name])


def _plural(kind: str) -> str:
    """The kind as it stands in KINDS; the singular will do."""
    for known in KINDS:
        if kind in (known, known.removesuffix("s"), known.removesuffix("ies") + "y"):
            return known
    raise unknown("kind", kind, KINDS)


def _summaries(kind: str) -> Mapping[str, str]:
    """Name -> a line about it."""
    if kind == "tricks":
        return {name: trick.card.summary for name, trick in TRICKS.items()}
    if kind == "recipes":
        return {name: _opening(name) for name in recipe_names()}
    if kind == "studies":
        from trickbag.study.load import load_study, study_names

        return {name: load_study(name)[0].question for name in study_names()}
    return {name: (inspect.getdoc(entry) or "").partition("\n")[0] for name, entry in _entries(kind).items()}


def _opening(recipe: str) -> str:
    """What a recipe trains, in a line."""
    loaded = load_recipe(recipe)
    return f"{loaded.model.name} on {loaded.data.name}, {loaded.budget.epochs} epochs"


def _entries(kind: str) -> Mapping[str, Callable[..., Any]]:
    """The catalogue's factories of a kind."""
    from trickbag.train import CATALOGUE

    return CATALOGUE[SECTIONS[kind]]


def _show_trick(trick: Trick, console: Console) -> None:
    """A trick's card and patch."""
    card = trick.card
    console.print(f"[bold]{trick.name}[/]", highlight=False)
    for title, text in (
        ("what", card.summary),
        ("source", card.source),
        ("follows", card.follows),
        ("hurts", card.hurts),
        ("cost", card.cost),
        ("needs", card.needs),
        ("requires", ", ".join(card.requires)),
        ("conflicts", ", ".join(card.conflicts)),
        ("groups", "; ".join(" + ".join(group) for group in card.suggests)),
    ):
        if text:
            console.print(f"[dim]{title:>9}[/]  {text}", highlight=False, markup=True)
    for claim in card.claims:
        points = "" if claim.points is None else f"{claim.points:+.2f} points: "
        console.print(f"[dim]    claim[/]  {points}{claim.setting} ({claim.source})", highlight=False)
    if callable(trick.patch):
        print(f"    patch  {inspect.getdoc(trick.patch)}")
    else:
        text = yaml.safe_dump(
            json.loads(json.dumps(dict(trick.patch))), sort_keys=False, default_flow_style=False
        )
        print("    patch  " + text.strip().replace("\n", "\n           "))


def _show_entry(name: str, entry: Callable[..., Any]) -> None:
    """An entry's arguments and docstring."""
    print(f"{name}{inspect.signature(entry)}\n\n{inspect.getdoc(entry) or ''}")
