"""A study's records may come from anyone: they are read or refused in one line, never believed unchecked."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import trickbag
from hostile import READERS, chain, read_all, rewritten


def nodes(plain: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all values within plain data; of long lists the first two items."""
    yield path
    items = (
        plain.items() if isinstance(plain, dict) else enumerate(plain[:2]) if isinstance(plain, list) else ()
    )
    for key, value in items:
        yield from nodes(value, (*path, key))


def put(plain: Any, path: tuple[Any, ...], value: Any) -> None:
    """Replace the value at a place, or remove it where the value is None."""
    for key in path[:-1]:
        plain = plain[key]
    if value is None:
        del plain[path[-1]]
    else:
        plain[path[-1]] = value


DEEP: Any = []
for _ in range(300):
    DEEP = [DEEP]
VALUES = (None, "", "../../x", "[/] \x1b[31m", -1, 0, 2**62, 1e308, [], {}, [[]], {"a": None}, True, DEEP)


CASES = int(os.environ.get("TRICKBAG_SECURITY_CASES", "30"))


@pytest.mark.parametrize("name", ["plan.json", "run.json", "results.json"])
def test_damaged_records_are_read_or_refused_in_one_line(study: Path, finished: Path, name: str) -> None:
    """Values at random places replaced by others, the plan's hashes made to fit: no traceback, exit code 0 or 2."""
    where = next(iter(sorted(study.rglob(name))))
    original = (finished / where.relative_to(study)).read_bytes()
    places = [path for path in nodes(json.loads(original)) if path]
    draw, readers = random.Random(7), ("report",) if name == "results.json" else READERS[:3]
    for case in range(CASES // 5 if name == "results.json" else CASES):  # a page with charts takes long
        plain = json.loads(original)
        put(plain, place := draw.choice(places), value := draw.choice(VALUES))
        if name == "plan.json" and isinstance(plain.get("entries"), list):
            try:
                chain(plain)
            except (TypeError, KeyError, AttributeError):
                continue
        where.write_text(json.dumps(plain))
        for file in ("results.json",) if name != "results.json" else ():
            shutil.copyfile(finished / file, study / file)
        try:
            read_all(study, readers)
        except AssertionError as error:
            raise AssertionError(f"case {case}: {place} = {str(value)[:40]}: {str(error)[-1500:]}") from None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested more than 64 levels deep"),
        ('{"format": 1, "x": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64 levels deep"),
        ('{"format": 1, "x": NaN}', "NaN is not a finite number"),
        ('{"format": 1, "x": 1e999}', "1e999 is not a finite number"),
        ('{"format": 1, "x": ' + "9" * 5000 + "}", "too large a number"),
        ('{"format": 1, "x": "\\ud800"}', "surrogates not allowed"),
        ("[]", "a file of format 1 is expected"),
        ("", "damaged"),
        ("\x00\xff", "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["plan.json", "run.json", "results.json"])
def test_json_that_no_record_is_made_of_is_refused(study: Path, name: str, text: str, message: str) -> None:
    where = next(iter(sorted(study.rglob(name))))
    where.write_bytes(text.encode("latin-1"))
    said = read_all(study, ("report",) if name == "results.json" else ("analyze",))
    assert message in "".join(said.values())
    assert str(where) in "".join(said.values())


def test_a_plan_that_does_not_hang_together_is_refused_by_what_is_wrong(study: Path) -> None:
    def run_of_nobody(body: dict[str, Any]) -> None:
        body["phases"][0]["runs"][0]["arm"] = "nobody"

    rewritten(study, run_of_nobody)
    said = read_all(study, READERS[:2])
    assert set(said.values()) == {f"trickbag: {study}/plan.json: damaged: workload w has no arm 'nobody'\n"}


@pytest.mark.parametrize("written", ["yesterday", "[/]\u001b[2J", "9" * 400])
def test_a_run_that_was_taken_up_at_no_time_is_refused(study: Path, written: str) -> None:
    place = sorted((study / "runs").iterdir())[0]
    (place / "run.json").unlink()
    started = {"format": 1, "engine": "[red]", "host": "h", "process": 1, "written": written}
    (place / "started.json").write_text(json.dumps(started))
    assert "started.json: damaged: written: Value error" in read_all(study, ("status",))["status"]
    started["written"] = "2026-01-01T00:00:00+00:00"
    (place / "started.json").write_text(json.dumps(started))
    assert "seed 1, [red], process 1 on h" in trickbag("status", study)
