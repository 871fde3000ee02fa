"""What the tests of hostile studies share: every command that only reads, and plans changed by a knowing hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import trickbag

from trickbag.records.chain import link_hash

READERS = ("status", "plan", "analyze", "open-test", "report")
OWN_CODE = "import pathlib\npathlib.Path({!r}).touch()\n"


def outside(study: Path) -> dict[str, bytes]:
    """All that lies beside a study's folder."""
    beside = (p for p in study.parent.rglob("*") if study not in (p, *p.parents))
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in beside}


def read_all(study: Path, verbs: tuple[str, ...] = READERS) -> dict[str, str]:
    """Every command that only reads, in this process: what it says where it refuses, in one line; else nothing."""
    before, said = outside(study), {}
    for verb in verbs:
        try:
            trickbag(verb, study)
            said[verb] = ""
        except AssertionError:
            said[verb] = trickbag(verb, study, code=2)
            assert said[verb].startswith("trickbag: "), said
            assert said[verb].count("\n") == 1, said
    assert outside(study) == before
    return said


def rewritten(study: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the plan in plan.json as somebody who knows how its hashes are made."""
    plain = json.loads((study / "plan.json").read_text())
    change(plain["entries"][0]["body"])
    chain(plain)
    (study / "plan.json").write_text(json.dumps(plain))


def chain(plain: dict[str, Any]) -> None:
    """Make every hash fit."""
    previous = None
    for entry in plain["entries"]:
        entry["previous"] = previous
        entry["hash"] = previous = link_hash({k: v for k, v in entry.items() if k != "hash"})


class Touch:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)
