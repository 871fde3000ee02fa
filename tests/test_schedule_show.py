"""`trickbag show schedule`: the drawing against drawings made by hand, and every schedule's page."""

import re

import pytest

from trickbag.cli.catalogue import show
from trickbag.cli.draw import area, with_axes
from trickbag.cli.show_schedule import show_schedule
from trickbag.errors import InputError
from trickbag.schedule import SCHEDULES


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
