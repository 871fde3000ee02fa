"""Raw counts of finished scenarios, kept so that a broken run goes on and the page can be written again."""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.gates.gate import Counts, Scenario

ROOT = Path(__file__).parent.parent.parent
PATH = ROOT / "benchmarks" / "results" / "gates.json"
SIMULATION = ("benchmarks/gates",)
WORDING = {"bands.py", "bands_designs.py", "page.py", "store.py", "__main__.py", "gate.py"}  # change no count


def read(path: Path = PATH) -> dict[str, Any]:
    """Scenario name -> studies, digest of the sources, counts."""
    return json.loads(path.read_text()) if path.exists() else {}


def write(found: dict[str, Any], path: Path = PATH) -> None:
    """All finished scenarios, one per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(found.items()))
    partial = path.with_suffix(".partial")
    partial.write_text(f"{{\n{lines}\n}}\n")
    partial.replace(path)


def entry(scenario: Scenario, studies: int, counts: Counts) -> dict[str, Any]:
    """What is kept of a finished scenario."""
    return {"studies": studies, "sources": digest(scenario.sources), "counts": counts}


def current(found: dict[str, Any], scenario: Scenario, studies: int) -> bool:
    """Whether a scenario was simulated with at least this many studies and today's code."""
    kept = found.get(scenario.name, {})
    return bool(kept) and kept["studies"] >= studies and kept["sources"] == digest(scenario.sources)


@cache
def digest(sources: tuple[str, ...]) -> str:
    """A hash of what the code did when this process started: comments, docstrings and layout change nothing."""
    paths = [path for source in (*sources, *SIMULATION) for path in _python(ROOT / source)]
    whole = hashlib.sha256()
    for path in paths:
        if path.parent.name != "gates" or path.name not in WORDING:
            whole.update(ast.dump(_without_docstrings(ast.parse(path.read_text()))).encode())
    return whole.hexdigest()[:16]


def _python(path: Path) -> list[Path]:
    """The Python files of a folder, or the one file."""
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The tree, every string that stands alone taken out."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
            ]
    return tree
