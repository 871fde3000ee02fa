"""Data sets whose classes differ in size: accuracy within the classes, in the record, the terminal, the reports."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from command_line import trickbag
from PIL import Image
from report_page import Page
from report_studies import everything
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score, recall_score
from study_records import by_seed, complete, freeze, plan_of

from trickbag.analyze import analyze_study
from trickbag.cli.classes import print_classes
from trickbag.recipe import Machine
from trickbag.records.bits import read_bits
from trickbag.records.run import ClassAccuracy, RunRecord, read_run, write_run
from trickbag.report.html import render_html
from trickbag.report.latex import render_latex
from trickbag.report.markdown import render_markdown
from trickbag.report.terminal import print_verdicts
from trickbag.train import class_accuracy, is_imbalanced

SIZES = {"common": 60, "rare": 12, "usual": 30}


def test_accuracy_within_classes_is_scikit_learns() -> None:
    draw = np.random.default_rng(3)
    labels = draw.choice(7, 500, p=[0.4, 0.3, 0.1, 0.1, 0.06, 0.04, 0.0])  # none of the last
    guesses = draw.integers(0, 6, 500)
    found = class_accuracy(guesses == labels, labels, 7)
    assert np.isnan(found[6])
    expected = recall_score(labels, guesses, labels=range(6), average=None)
    assert found[:6] == pytest.approx(100 * expected)
    assert np.nanmean(found) == pytest.approx(100 * balanced_accuracy_score(labels, guesses))


@pytest.mark.parametrize(
    ("counts", "imbalanced"), [([10, 10], False), ([15, 10], False), ([16, 10], True), ([3, 0], True)]
)
def test_imbalanced_is_half_as_many_again(counts: list[int], imbalanced: bool) -> None:
    assert is_imbalanced(np.array(counts)) == imbalanced


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class folder of noise in which the classes differ in size."""
    root, draw = tmp_path_factory.mktemp("classes"), np.random.default_rng(0)
    for name, size in SIZES.items():
        (root / name).mkdir()
        for i in range(size):
            pixels = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i:02}.png")
    return root


def test_train_tells_how_each_class_fares(folder: Path, tmp_path: Path, machine: Machine) -> None:
    tiny = ["data.name=folder", "model.channels=[4, 4, 4]", "budget.epochs=1", "data.validation=0.4"]
    where = [f"machine.data_root={folder}", f"machine.cache={machine.cache}", "machine.device=cpu"]
    printed = trickbag("train", "digits_baseline", *tiny, *where, "--out", tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert record is not None
    ids, hits, _ = read_bits(tmp_path / "run" / "correct.npz")
    labels = np.repeat(np.arange(3), list(SIZES.values()))[ids]  # the order of a class folder
    guesses = np.where(hits, labels, (labels + 1) % 3)
    assert record.balanced == pytest.approx(100 * balanced_accuracy_score(labels, guesses))
    found = {each.name: (each.images, each.top1) for each in record.class_accuracy}
    recalls = 100 * recall_score(labels, guesses, average=None)
    expected = zip(SIZES, np.bincount(labels).tolist(), recalls, strict=True)
    assert found == {name: (count, pytest.approx(recall)) for name, count, recall in expected}
    assert f"balanced accuracy {record.balanced:.2f} %" in printed
    assert all(f"{each.top1:.2f} %" in printed and each.name in printed for each in record.class_accuracy)


def test_balanced_classes_show_nothing_new(tmp_path: Path, machine: Machine) -> None:
    words = [
        "model.channels=[4, 4, 4]",
        "budget.epochs=1",
        "data.limit=100",
        f"machine.cache={machine.cache}",
    ]
    printed = trickbag("train", "digits_baseline", *words, "--out", tmp_path / "run")
    assert "balanced acc" not in printed
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["balanced"], record["class_accuracy"]) == (None, [])


def test_the_worst_ten_of_many_classes_are_shown_worst_first() -> None:
    accuracies = np.random.default_rng(1).permutation(40) * 2.0
    rows = [ClassAccuracy(name=f"c{value:.0f}", images=9, top1=value) for value in accuracies.tolist()]
    rows.append(ClassAccuracy(name="absent", images=0, top1=None))
    fields = {"id": "", "arm": "", "workload": "", "fingerprint": "", "seed": 1, "status": "done"}
    plain = {**fields, "recipe": {}, "machine": {}, "provenance": {}, "balanced": 39.0}
    stream = io.StringIO()
    record = RunRecord.model_validate({**plain, "class_accuracy": rows})
    print_classes(record, Console(file=stream, width=60))
    head, title, *lines = stream.getvalue().splitlines()
    assert "39.00 %" in head
    assert "worst of 40 classes" in title
    assert [line.split()[0] for line in lines] == [f"c{2 * i}" for i in range(10)]


@pytest.mark.parametrize("imbalanced", [True, False])
def test_reports_show_it_where_records_have_it(tmp_path: Path, imbalanced: bool) -> None:
    """An arm that gains on the common class alone: 91 to 93 % of the images, 61.25 to 61.00 % of the classes."""
    folder = tmp_path / "s"
    plan = freeze(folder, plan_of(["arm"], 2))
    right = {"baseline": [900, 920], "arm": [920, 940]}
    complete(folder, plan, {("w", name): by_seed(hits) for name, hits in right.items()})
    for run in plan.runs if imbalanced else ():
        record = read_run(folder / "runs" / run.id)
        assert record is not None
        value = {"baseline": 61.0, "arm": 60.75}[run.arm] + run.seed / 6
        write_run(folder / "runs" / run.id, record.model_copy(update={"balanced": value}))
    results = analyze_study(folder)
    assert results.arms[0].mean == pytest.approx(93)
    stream = io.StringIO()
    print_verdicts(results, Console(file=stream, width=100))
    pages = [render_html(results), render_markdown(results), render_latex(results), stream.getvalue()]
    assert all(("61.25" in page and "61.00" in page) == imbalanced for page in pages)
    assert all(("alanced" in page) == imbalanced for page in pages)
    with (folder / "results.csv").open() as file:
        found = {(row["arm"], row["seed"]): row["balanced"] for row in csv.DictReader(file)}
    assert found["arm", "2"] == (str(60.75 + 2 / 6) if imbalanced else "")


def test_the_page_shows_it_of_screened_arms_too() -> None:
    """Values made up here, one for each arm."""
    results = everything()
    told = [arm.model_copy(update={"balanced_mean": 41.25 + i}) for i, arm in enumerate(results.arms)]
    page = Page(render_html(results.model_copy(update={"arms": tuple(told)}))).text
    screened = page[page.index("Dropped at screening") : page.index("Effect on accuracy", 3000)]
    assert [f"balanced {arm.balanced_mean:.2f}" in screened for arm in told] == [arm.selected for arm in told]
