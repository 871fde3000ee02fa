"""`trickbag list KIND` and `trickbag show KIND NAME`: what there is, and what it is."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
import yaml
from rich.markup import escape

from trickbag.cli.console import Console
from trickbag.cli.show_schedule import show_schedule
from trickbag.errors import InputError, unknown
from trickbag.recipe import Trick, load_recipe, recipe_names
from trickbag.tricks import CATALOGUE as TRICKS
from trickbag.tricks import GROUPS

KINDS = ("tricks", "models", "optimizers", "schedules", "augmentations", "datasets", "recipes", "studies")
SECTIONS = {
    "models": "model",
    "optimizers": "optimizer",
    "schedules": "schedule",
    "augmentations": "sample",
    "datasets": "dataset",
}
HEADINGS = {  # of the groups of tricks
    "paper": "The paper's tricks (He et al. 2018)",
    "optimizers": "Optimizers",
    "schedules": "Learning-rate schedules",
    "architectures": "Architectures",
    "preprocessing": "Pre-processing",
    "regularisation": "Regularisation, averaging, steps",
}
Kind = Annotated[str, typer.Argument(help=", ".join(KINDS) + ".", show_default=False)]


def list_(kind: Kind, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List the names of a kind, with a line each."""
    kind = _plural(kind)
    group = {name: group for group, names in GROUPS.items() for name in names} if kind == "tricks" else {}
    entries = [
        {"name": name, "summary": summary} | ({"group": group[name]} if group else {})
        for name, summary in _summaries(kind).items()
    ]
    if as_json:
        print(json.dumps(entries, indent=1))
        return
    width, heading = max(len(entry["name"]) for entry in entries), ""
    for entry in entries:
        if entry.get("group", "") != heading:
            heading = entry["group"]
            print(f"\n{HEADINGS[heading]}" if entry is not entries[0] else HEADINGS[heading])
        print(
            f"{'  ' if heading else ''}{entry['name']:<{width}}  {_first_sentence(entry['summary'])}".rstrip()
        )


def _first_sentence(text: str) -> str:
    """A summary up to its first full stop, for a line in a list."""
    first = re.split(r"\. (?=[A-Z])", text)[0]  # not after "et al. (2018)"
    return first.removesuffix(".") + ("." if text.endswith(".") else "")


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
    names, bridged = _summaries(kind), kind == "models" and "/" in name
    if name not in names and not bridged:
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
    elif bridged:
        _show_bridged(name)
    else:
        _show_entry(name, _entries(kind)[name], SECTIONS[kind])
        if kind == "optimizers":
            _show_optimizer(name)


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
        ("tuning", _space(trick)),
    ):
        if text:
            console.print(f"[dim]{title:>9}[/]  {escape(text)}", highlight=False)
    for claim in card.claims:
        points = "" if claim.points is None else f"{claim.points:+.2f} points: "
        line = escape(f"{points}{claim.setting} ({claim.source})")
        console.print(f"[dim]    claim[/]  {line}", highlight=False)
    if callable(trick.patch):
        print(f"    patch  {inspect.getdoc(trick.patch)}")
    else:
        text = yaml.safe_dump(
            json.loads(json.dumps(dict(trick.patch))), sort_keys=False, default_flow_style=False
        )
        print("    patch  " + text.strip().replace("\n", "\n           "))


def _show_entry(name: str, entry: Callable[..., Any], section: str) -> None:
    """An entry's arguments with their defaults, but those that trickbag passes, and its docstring."""
    from trickbag.train.catalogue import PASSED

    signature = inspect.signature(entry)
    own = [p for p in signature.parameters.values() if p.name not in PASSED.get(section, ())]
    plain = [p.replace(annotation=p.empty, kind=p.KEYWORD_ONLY) for p in own if p.kind is not p.VAR_KEYWORD]
    arguments = ", ".join(map(str, plain))
    print(f"{name}({arguments})\n\n{inspect.getdoc(entry) or ''}")


def _show_bridged(name: str) -> None:
    """The arguments of a model of timm or torchvision; InputError where there is none of that name."""
    from trickbag.models import find_model

    _show_entry(name, find_model(name), SECTIONS["models"])


def _show_optimizer(name: str) -> None:
    """What weight decay is in it, and where its trick starts and where tuning looks around that."""
    from trickbag.optim import DECAY, DECAY_MEANS

    print(f"\nweight decay: {DECAY[name]}: {DECAY_MEANS[DECAY[name]]}")
    trick = TRICKS.get(name)
    if trick and not callable(trick.patch):
        print(f"beside SGD: {trick.card.follows}")
        print("its trick sets: " + ", ".join(f"{path}={value}" for path, value in trick.patch.items()))
        print(f"tuning: {_space(trick)}")


def _space(trick: Trick) -> str:
    """Where equal-budget tuning looks: factors on the trick's own values."""
    return "; ".join(f"{path} x {low:g} to {high:g}" for path, (low, high) in trick.space.items())
