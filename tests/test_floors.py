"""The map of the package: which room may import which (imports go strictly down), and where torch may be."""

import ast
from functools import cache
from pathlib import Path

import pytest

import trickbag

PACKAGE = Path(__file__).parent.parent / "trickbag"
FLOORS = [
    {"errors", "flock", "recipe", "rng", "stats"},
    {"data", "models", "optim", "schedule", "losses", "mixing", "averaging", "records"},
    {"tricks", "train"},
    {"study", "run", "analyze"},
    {"report"},
    {"lab", "pricing", "cli", "__main__"},
]
TORCHLESS = {"errors", "recipe", "stats", "records", "tricks", "analyze", "report"}
# Within a floor rooms do not know each other, with these exceptions: what stands on the left is used by all.
SHARED = {"errors": FLOORS[0], "rng": set(), "lab": {"cli"}, "pricing": {"cli"}, "cli": {"__main__"}}


@cache
def modules() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "trickbag":
            found += [f"trickbag.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return found


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


CASES = [(path, tree) for path, tree in modules().items() if room(path) != "__init__"]
IDS = [str(path.relative_to(PACKAGE)) for path, _ in CASES]


@pytest.mark.parametrize(("path", "tree"), CASES, ids=IDS)
def test_imports_go_strictly_down(path: Path, tree: ast.Module) -> None:
    here = room(path)
    for name in imports(tree):
        if not name.startswith("trickbag."):
            continue
        there = name.split(".")[1]
        if there == here or here in SHARED.get(there, set()):
            continue
        assert floor(there) < floor(here), (
            f"{here} (floor {floor(here)}) imports {there} (floor {floor(there)})"
        )


@pytest.mark.parametrize(("path", "tree"), CASES, ids=IDS)
def test_torch_stays_out_of_what_only_reads_files(path: Path, tree: ast.Module) -> None:
    if room(path) in TORCHLESS:
        for name in imports(tree):
            assert name.split(".")[0] not in {"torch", "torchvision", "timm"}, f"{path} imports {name}"
            assert name.split(".")[1:2] != ["rng"], f"{path} imports {name}, which imports torch"


@pytest.mark.parametrize(("path", "tree"), CASES, ids=IDS)
def test_imports_inside_functions_stand_in_the_command_line_alone(path: Path, tree: ast.Module) -> None:
    if room(path) == "cli" or path.parent.name == "charts":  # charts import their heavy renderer lazily
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not imports(node), f"{path}:{node.lineno} {node.name} imports inside"


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room(path) for path in modules()} - {"__init__"}
    assert rooms <= set().union(*FLOORS)


def test_no_vague_names_and_no_giants() -> None:
    for path in modules():
        assert path.stem not in {"utils", "helpers", "misc", "common"}
        assert len(path.read_text().splitlines()) <= 350, f"{path} is too long to take in"


@pytest.mark.parametrize("name", trickbag.__all__)
def test_public_names_are_not_those_of_rooms(name: str) -> None:
    """A room of the same name would stand in the way of the name, once it is imported."""
    assert callable(getattr(trickbag, name))
    assert name not in {room(path) for path in modules()}
