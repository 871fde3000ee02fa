"""Recipes by name: those that come with trickbag, or a file of one's own."""

from importlib.resources import as_file, files
from pathlib import Path

from trickbag.errors import unknown
from trickbag.recipe.schema import Recipe
from trickbag.recipe.text import read_yaml, validate

_FOLDER = files("trickbag") / "recipes"


def recipe_names() -> list[str]:
    """The names of the recipes that come with trickbag, sorted."""
    return sorted(Path(file.name).stem for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))


def load_recipe(name_or_path: str | Path, base: Path = Path()) -> Recipe:
    """The recipe in a .yaml or .yml file, seen from `base`, or the one of that name; InputError if none."""
    path = base / name_or_path
    if path.suffix in {".yaml", ".yml"}:
        return validate(Recipe, read_yaml(path), str(path))
    name = str(name_or_path)
    if name not in recipe_names():
        raise unknown("recipe", name, recipe_names())
    with as_file(_FOLDER / f"{name}.yaml") as file:
        return validate(Recipe, read_yaml(file), name)
