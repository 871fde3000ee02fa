"""The test images: never read before they are opened, opened only when all is done, logged and counted."""

import json
from pathlib import Path

import numpy as np
import pytest
from study_records import by_name, by_seed, complete, finish, freeze, phase_of, plan_of
from typer.testing import CliRunner

from trickbag.analyze import analyze_study
from trickbag.cli.main import app
from trickbag.errors import InputError
from trickbag.lab import amend, open_test
from trickbag.records.chain import append_entry, read_plan
from trickbag.records.plan import Plan, PlannedRun, Rule

BASE, ARM = [900, 903, 897, 901], [920, 926, 914, 921]
ON_TEST = {"baseline": [880, 880, 880, 880], "arm": [890, 892, 888, 890]}  # d = 1.0, 1.2, 0.8, 1.0 points


def study(folder: Path, test_images: int = 1000) -> Plan:
    plan = freeze(folder, plan_of(["arm"], 4, test_images=test_images))
    for run in plan.runs:
        right = {"baseline": BASE, "arm": ARM}[run.arm][run.seed - 1]
        finish_one(folder, run, right)
    return plan


def finish_one(folder: Path, run: PlannedRun, right: int) -> None:
    finish(
        folder, run, right, np.random.default_rng(run.seed), test_hits=ON_TEST[run.arm][(run.seed - 1) % 4]
    )


def test_sealed_bits_are_not_read_before_the_opening(tmp_path: Path) -> None:
    """With garbage in place of every sealed file the analysis gives the same; after the opening it is named."""
    folder = tmp_path / "s"
    study(folder)
    before = analyze_study(folder)
    for path in (folder / "runs").glob("*/test.sealed.npz"):
        path.write_bytes(b"not bits")
    again = analyze_study(folder)
    assert again.arms == before.arms
    assert (again.test_openings, by_name(again)["arm"].test) == (0, None)
    assert "still sealed" in again.not_claimed
    append_entry(folder, "opening", {}, "", 8)
    with pytest.raises(InputError, match=r"test\.sealed\.npz: the bits of this run cannot be read"):
        analyze_study(folder)


def test_opened_test_images_are_judged_by_the_same_test(tmp_path: Path) -> None:
    """d = 1.0, 1.2, 0.8, 1.0: mean 1, SD .16330, se .08165, t(3, .975) = 3.1824: 1 ± .2598."""
    study(tmp_path / "s")
    results = open_test(tmp_path / "s")
    arm = by_name(results)["arm"]
    assert arm.test is not None
    assert arm.test.effect == pytest.approx(1.0)
    assert (arm.test.low, arm.test.high) == pytest.approx((1 - 0.2598, 1 + 0.2598), abs=1e-4)
    assert arm.test_mean == pytest.approx(89.0)
    assert arm.accuracy is not None
    assert arm.accuracy.effect == pytest.approx(2.0)  # validation is as it was
    assert "On the test images, opened once: +1.00 points" in arm.sentence
    assert "sealed" not in results.not_claimed
    header, *rows = (tmp_path / "s" / "results.csv").read_text().splitlines()
    column = header.split(",").index("test_top1")
    assert sorted(row.split(",")[column] for row in rows) == ["88.0"] * 4 + ["88.8", "89.0", "89.0", "89.2"]


def test_every_opening_is_logged_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    study(folder)
    for times in ("once", "twice"):
        done = CliRunner().invoke(app, ["open-test", str(folder)])
        assert done.exit_code == 0, done.output
        assert f"opened {times}:" in " ".join(done.output.split())
        assert "+1.00 [+0.74, +1.26]" in done.output
    assert [(e.kind, e.finished_runs) for e in read_plan(folder).entries[1:]] == [("opening", 8)] * 2
    results = analyze_study(folder)
    assert (results.test_openings, len(results.openings)) == (2, 2)
    assert len(by_name(results)) == 1


def test_what_is_added_after_the_opening_waits_for_the_next(tmp_path: Path) -> None:
    """Two more seeds by an amendment: their sealed bits are garbage, and nobody notices until they are opened."""
    folder = tmp_path / "s"
    plan = study(folder)
    open_test(folder)
    more = phase_of(plan, "confirm", [5, 6])
    append_entry(folder, "amendment", {"phase": more.model_dump(mode="json")}, "more seeds", 8)
    for run in more.runs:
        finish_one(folder, run, 905 + run.seed)
        (folder / "runs" / run.id / "test.sealed.npz").write_bytes(b"not bits")
    arm = by_name(analyze_study(folder))["arm"]
    assert arm.test is not None
    assert (arm.seeds, arm.test_mean, arm.test.effect) == (6, pytest.approx(89.0), pytest.approx(1.0))


def test_what_judges_is_fixed_once_the_test_images_were_seen(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    study(folder)
    open_test(folder)
    (folder / "study.yaml").touch()
    for word in ("seeds=9", "looks=[2, 4]"):
        with pytest.raises(InputError, match=f"^{word[:5]}: the test images were opened.*plan a new study"):
            amend(folder, "more", [word])
    assert [entry.kind for entry in read_plan(folder).entries] == ["plan", "opening"]


def test_a_chain_that_lost_an_opening_is_noticed(tmp_path: Path) -> None:
    """The shorter chain is sound in itself; earlier results remember. Results that nobody can read say nothing."""
    folder = tmp_path / "s"
    study(folder)
    analyze_study(folder)
    whole = json.loads((folder / "plan.json").read_text())
    open_test(folder)
    (folder / "plan.json").write_text(json.dumps(whole))
    lost = r"plan\.json: 0 openings of the test images, but results\.json counts 1: .* restore plan\.json"
    with pytest.raises(InputError, match=lost):
        analyze_study(folder)
    (folder / "results.json").write_text("{}")
    assert analyze_study(folder).test_openings == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("finished_runs", 3), ("reason", "another"), ("written", {"written": "2001-01-01T00:00:00+00:00"})],
)
def test_every_field_of_an_entry_is_under_its_hash(tmp_path: Path, field: str, value: object) -> None:
    folder = tmp_path / "s"
    study(folder)
    append_entry(folder, "amendment", {}, "a reason", 8)
    plain = json.loads((folder / "plan.json").read_text())
    plain["entries"][1][field] = value
    (folder / "plan.json").write_text(json.dumps(plain))
    with pytest.raises(InputError, match="changed by hand"):
        read_plan(folder)


def test_opening_is_refused_while_anything_is_open(tmp_path: Path) -> None:
    """An unfinished run, a phase to come, no test images, no plan: one line, and nothing is logged."""
    unfinished = freeze(tmp_path / "unfinished", plan_of(["arm"], 4, test_images=1000))
    complete(tmp_path / "unfinished", unfinished.model_copy(update={"phases": (phase_of(unfinished, "confirm", 3),)}),
             {("w", "baseline"): by_seed(BASE), ("w", "arm"): by_seed(ARM)}, test=True)  # fmt: skip
    study(tmp_path / "untested", test_images=0)
    later = (Rule(phase="confirm", seeds=(4, 5)),)
    freeze(
        tmp_path / "later",
        plan_of(["arm"], 3, phase="screen", test_images=9).model_copy(update={"later": later}),
    )
    said = {
        "unfinished": "2 of 8 runs are unfinished",
        "untested": "no test images",
        "later": "phases still to come: confirm",
    }
    for name, message in said.items():
        with pytest.raises(InputError, match=message):
            open_test(tmp_path / name)
        assert len(read_plan(tmp_path / name).entries) == 1
    with pytest.raises(InputError, match="no study was planned here"):
        open_test(tmp_path / "nothing")


def test_an_opening_that_cannot_be_read_is_not_logged(tmp_path: Path) -> None:
    """One sealed file is empty: one clear line, and the chain is as it was."""
    folder = tmp_path / "s"
    study(folder)
    next((folder / "runs").glob("arm*/test.sealed.npz")).write_bytes(b"")
    before = (folder / "plan.json").read_bytes()
    with pytest.raises(InputError, match="sealed"):
        open_test(folder)
    assert (folder / "plan.json").read_bytes() == before
