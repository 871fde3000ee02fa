"""`trickbag show schedule`: the drawing against drawings made by hand, and every schedule's page."""

import re
from pathlib import Path

import pytest

from trickbag.cli.catalogue import show
from trickbag.cli.draw import area, with_axes
from trickbag.cli.show_schedule import show_schedule
from trickbag.errors import InputError
from trickbag.recipe import Machine, Recipe, apply
from trickbag.schedule import SCHEDULES, build_schedule
from trickbag.train import resolve
from trickbag.train.catalogue import find


def test_area_is_filled_below_the_values():
    """By hand: eighths of a row, rounded up, so that what is above zero is seen."""
    assert area([1.0, 0.5, 0.25, 0.0, 0.001], width=5, height=2) == ["█", "██▄ ▁"]
    assert area([1, 1, 0, 0, 0.5, 0.5], width=3, height=1) == ["█ ▄"]
    assert area([1.0, 0.0], width=1, height=4) == ["", "", "█", "█"]


def test_axes_carry_their_labels():
    assert with_axes(["██", "██"], ["0", "9"], width=4) == "1.0 ┤██\n0.5 ┤██\n0.0 └────\n     0   9"


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_shown(name, capsys):
    show("schedule", name, [] if name == "one_cycle" else ["warmup=5ep"])
    printed = capsys.readouterr().out
    assert printed.startswith(f"{name}(")
    assert not re.search(r"Annotated|typing|history:|step:", printed.partition("\n")[0])
    assert "mean factor" in printed
    drawn = [line for line in printed.splitlines() if re.match(r"(1\.0 ┤|0\.5 ┤|    │)", line)]
    assert len(drawn) == 12
    assert max(map(len, drawn)) <= 65
    assert all(character.isprintable() or character == "\n" for character in printed)


def test_arguments_and_warmup_are_taken(capsys):
    """By hand: 10 of 100 epochs of warm-up at a mean of 1/2, 40 at the peak, 50 of cooldown at 3/4: 0.825."""
    show_schedule("warmup_stable_decay", ["warmup=10%", "schedule.decay=50ep", "final=0.5"])
    printed = capsys.readouterr().out
    assert "warmup: 10%, decay: 50ep, final: 0.5" in printed
    assert "mean factor 0.825 · 95% of the steps above half of the peak · last step 0.5" in printed


def test_the_page_about_schedules_prints_what_the_command_says(capsys):
    """The table of docs/schedules.md, row by row."""
    text = (Path(__file__).parents[1] / "docs" / "schedules.md").read_text()
    rows = re.findall(r"^\| `(\w+)`(?: `(.+?)`)? \| ([\d.]+) \| (\d+%) \| ([\d.e-]+) \|", text, re.MULTILINE)
    assert {name for name, *_ in rows} == SCHEDULES.keys() - {"step_every", "reduce_on_plateau"}
    for name, fields, mean, high, final in rows:
        show_schedule(name, [fields] if fields else [])
        said = f"mean factor {mean} · {high} of the steps above half of the peak · last step {final}\n"
        assert capsys.readouterr().out.endswith(said), name


def test_the_pages_schedule_of_ones_own_can_be_trained(small: Recipe, machine: Machine, tmp_path):
    """The Python example of docs/schedules.md; by hand, two teeth over four steps: 1, 1/2, 1, 1/2."""
    text = (Path(__file__).parents[1] / "docs" / "schedules.md").read_text()
    (tmp_path / "my_lab.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    own = find("schedule", "my_lab.py:sawtooth", tmp_path, "schedule.name")
    factor = build_schedule(own, {"teeth": 2}, 4)
    assert [factor(step) for step in range(4)] == [1, 0.5, 1, 0.5]
    full = resolve(apply(small, {"schedule.name": "my_lab.py:sawtooth"}), machine, tmp_path).recipe
    assert full.schedule.arguments["teeth"] == 4


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["finl=3"], "schedule: unknown argument 'finl'; did you mean 'final'?"),
        (["warmup=3"], "schedule: warmup: 3 is no duration"),
        (["final=2"], "schedule.final: 2 must be between 0 and 1"),
        (["final"], "'final': a field is set as field=value"),
    ],
)
def test_wrong_fields_are_one_clear_line(fields, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        show("schedule", "cosine", fields)


def test_only_schedules_take_fields():
    with pytest.raises(InputError, match="only a schedule is shown with arguments"):
        show("trick", "cosine", ["final=0.1"])
