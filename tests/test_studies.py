"""The embedded studies: each plans at a tiny budget, on images that are made here; the paper's tables arm for arm.

Printed accuracies: arXiv 1812.01187v2, Tables 2 and 3 transcribed here, 4 to 6 in test_tricks.
"""

from pathlib import Path

import pytest
from test_tricks import TABLE_4, TABLE_5, TABLE_6

from trickbag.recipe import Machine
from trickbag.records.plan import Plan
from trickbag.study import load_study, make_plan, study_names

IMAGES = '''"""Noise in ten classes."""
import numpy as np
from trickbag.data import ImageSet


def noise(root, *, resize: int = 32, count: int = 2400):
    """So many images of 32 x 32 pixels."""
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), np.arange(count) % 10
    return ImageSet.of((x, y), (x[:0], y[:0]), tuple("abcdefghij"))
'''
TINY = ["budget.epochs=2", "model.width=0.125", "seeds=3"]
RESNET, INCEPTION, MOBILENET = TABLE_6.values()
BRANCHES = ["baseline", "cosine", "smoothing", "distill", "mixup", "distill_mixup"]
STACK = ["baseline", "+warmup", "+zero_gamma", "+no_bias_decay", "+low_precision"]
PRINTED = {
    "imagenet_table2": {
        "resnet50": {"baseline": 75.87},
        "inception_v3": {"baseline": 77.32},
        "mobilenet_v1": {"baseline": 69.03},
    },
    "imagenet_table3": {
        "resnet50": {"baseline": 75.87, "efficient": 76.21},
        "inception_v3": {"baseline": 77.32, "efficient_without_zero_gamma": 77.50},
        "mobilenet_v1": {"baseline": 69.03, "efficient_without_zero_gamma": 71.90},
    },
    "imagenet_table4": {f"bs{batch}": dict(zip(STACK, TABLE_4[batch], strict=True)) for batch in TABLE_4},
    "imagenet_table5": {
        None: dict(zip(["baseline", "+resnet_b", "+resnet_c", "+resnet_d"], TABLE_5, strict=True))
    },
    "imagenet_table6": {
        "resnet50_d": dict(zip(BRANCHES, RESNET, strict=True)),
        "inception_v3": dict(zip(BRANCHES, INCEPTION, strict=True)),
        "mobilenet_v1": dict(zip(BRANCHES, MOBILENET, strict=True)),
    },
}


@pytest.fixture
def tiny(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides that make any embedded study small."""
    (tmp_path / "noise.py").write_text(IMAGES)
    monkeypatch.chdir(tmp_path)  # where an embedded study's own files lie
    return [*TINY, "machine.device=cpu", f"machine.cache={machine.cache}"]


def plan(name: str, overrides: list[str]) -> Plan:
    own = [] if name.startswith("digits") else ["data.name=noise.py:noise"]
    own += ["schedule.warmup=4%"] * (name in ("imagenet_table5", "imagenet_table6"))  # of their baseline
    if name in PRINTED and name != "imagenet_table4":  # whose question the batch is
        own.append("budget.batch_size=32")
    return make_plan(*load_study(name, [*overrides, *own]))


@pytest.mark.parametrize("name", [n for n in study_names() if n not in PRINTED and n != "schedules"])
def test_every_study_plans_at_a_small_budget(name: str, tiny: list[str]) -> None:
    made = plan(name, tiny)
    assert made.study["question"].endswith("?")
    assert all(arm.recipe["model"].get("width") == 0.125 for arm in made.arms)  # it reaches every network
    epochs = [arm.recipe["budget"]["epochs"] for arm in made.arms if "long_schedule" not in arm.tricks]
    assert {*epochs} <= {2, 10}  # the demo states its teacher's 10


@pytest.mark.parametrize("name", PRINTED)
def test_the_papers_tables_stand_arm_for_arm_with_what_they_print(name: str, tiny: list[str]) -> None:
    made = plan(name, tiny)
    stated = {
        entry["workload"] or made.workloads[0].name: entry["values"] for entry in made.study["published"]
    }
    stated = {"noise" if workload.startswith("noise") else workload: v for workload, v in stated.items()}
    assert stated == PRINTED[name]
    for entry in made.study["published"]:
        assert entry["source"] == f"He et al. 2018, Table {name[-1]}"


def test_table_3_leaves_zero_gamma_to_the_residual_network(tiny: list[str]) -> None:
    """Section 3.1: for the last normalisation of residual blocks."""
    reason = "zero_gamma needs residual blocks that end in batch norm"
    assert plan("imagenet_table3", tiny).not_applicable == {
        "inception_v3": {"efficient": reason},
        "mobilenet_v1": {"efficient": reason},
    }


def test_table_4_scales_the_rate_with_the_batch(tiny: list[str]) -> None:
    made = plan("imagenet_table4", tiny)
    found = {
        w.name: made.arm(w.name, "+low_precision").recipe["optimizer"]["lr"]
        / made.arm(w.name, "+low_precision").recipe["budget"]["batch_size"]
        for w in made.workloads
    }
    assert found == pytest.approx({"bs256": 0.1 / 256, "bs1024": 0.1 / 256})  # Section 3.1


def test_table_6_branches_off_and_shares_its_teachers(tiny: list[str]) -> None:
    """Networks on the same images share the ResNet-152-D; Inception-V3 sees others, of 299 pixels."""
    made = plan("imagenet_table6", tiny)
    assert made.arm("inception_v3", "distill_mixup").tricks == (
        "cosine", "label_smoothing", "distillation", "mixup", "long_schedule",
    )  # fmt: skip
    teachers = [arm for arm in made.arms if arm.role == "teacher"]
    assert [arm.workload for arm in teachers] == ["resnet50_d", "inception_v3"]
    assert len(made.phases[0].runs) == 2
    runs = {
        arm.workload: run.id
        for arm in teachers
        for run in made.phases[0].runs
        if run.workload == arm.workload
    }
    needs = {run.workload: run.needs for run in made.runs if run.arm == "distill"}
    assert needs == {
        "resnet50_d": (runs["resnet50_d"],),
        "inception_v3": (runs["inception_v3"],),
        "mobilenet_v1": (runs["resnet50_d"],),
    }


def test_generalisation_has_cells_that_do_not_apply(tiny: list[str]) -> None:
    cell = {"zero_gamma": "it needs residual blocks that end in batch norm"}
    made = plan("generalisation", tiny)
    assert made.not_applicable == dict.fromkeys(("vgg16_bn", "inception_v3", "mobilenet_v1"), cell)
    assert {c.workload for c in made.comparisons if c.arm == "zero_gamma"} == {"resnet50_d"}
