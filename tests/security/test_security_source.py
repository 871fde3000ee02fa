"""Where code could come out of a file, found in the source itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

import trickbag as package
from trickbag.recipe import text as recipe_text

PACKAGE = Path(package.__file__).parent


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in the package: its file, what is called, the call."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(PACKAGE)), ast.unparse(node.func), node


def given(call: ast.Call) -> dict[str | None, str]:
    """A call's arguments by name."""
    return {word.arg: ast.unparse(word.value) for word in call.keywords}


def test_the_package_unpickles_evaluates_and_imports_nothing_that_it_should_not() -> None:
    """Where code could come out of a file, found in the source itself; the places that may are named here."""
    for file, name, call in calls():
        where, words, last = f"{file}:{call.lineno}: {name}", given(call), name.rpartition(".")[2]
        assert name not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen"), where
        assert words.get("shell") in (None, "False"), where
        if name == "torch.load" or (last == "load_state_dict" and "timm" in name):
            assert words.get("weights_only") == "True", where
        if name in ("np.load", "numpy.load"):
            assert words.get("allow_pickle", "False") == "False", where
        if name.startswith("yaml."):
            assert last not in ("load", "unsafe_load", "full_load") or file == "recipe/text.py", where
        if last in ("exec_module", "load_module"):
            assert file == "train/catalogue.py", where
        if last == "import_module" and not isinstance(call.args[0], ast.Constant):
            assert file in ("train/catalogue.py", "__init__.py"), where
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {getattr(node, "module", None), *(alias.name for alias in node.names)}
                risky = modules & {
                    "pickle",
                    "marshal",
                    "shelve",
                    "dill",
                    "cloudpickle",
                    "joblib",
                    "runpy",
                    "code",
                }
                assert not risky or path.name == "unpickle.py", f"{path}: {risky}"
    assert issubclass(recipe_text._Loader, yaml.SafeLoader)


def test_the_command_line_shows_everything_through_its_own_console() -> None:
    """Rich's own console may be named as a type there, never made."""
    for path in (PACKAGE / "cli").glob("*.py"):
        text = path.read_text()
        if path.name != "console.py" and re.search(r"\bConsole\(", text):
            assert not re.search(r"^from rich\.console import .*\bConsole\b", text, re.MULTILINE), path
