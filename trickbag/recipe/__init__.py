"""Recipes, tricks and patches: frozen plain data, no torch."""

from trickbag.recipe.durations import Duration, in_steps, steps
from trickbag.recipe.library import load_recipe, recipe_names
from trickbag.recipe.patch import Patch, apply, diff, leaves
from trickbag.recipe.schema import (
    Budget,
    Data,
    Entry,
    Frozen,
    Machine,
    Model,
    Optimizer,
    Precision,
    Recipe,
    Schedule,
    fingerprint,
    freeze,
    thaw,
)
from trickbag.recipe.text import parse_overrides, parse_yaml, read_yaml, validate
from trickbag.recipe.trick import (
    Card,
    Claim,
    IncompatibleTricks,
    NotApplicable,
    Trick,
    arm_name,
    compose,
    in_turn,
)

__all__ = [
    "Budget",
    "Card",
    "Claim",
    "Data",
    "Duration",
    "Entry",
    "Frozen",
    "IncompatibleTricks",
    "Machine",
    "Model",
    "NotApplicable",
    "Optimizer",
    "Patch",
    "Precision",
    "Recipe",
    "Schedule",
    "Trick",
    "apply",
    "arm_name",
    "compose",
    "diff",
    "fingerprint",
    "freeze",
    "in_steps",
    "in_turn",
    "leaves",
    "load_recipe",
    "parse_overrides",
    "parse_yaml",
    "read_yaml",
    "recipe_names",
    "steps",
    "thaw",
    "validate",
]
