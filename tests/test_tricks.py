"""The catalogue and the paper's recipes, against numbers transcribed here from arXiv 1812.01187v2."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import trickbag.tricks
from trickbag.errors import InputError
from trickbag.recipe import (
    Card,
    Claim,
    Recipe,
    Trick,
    compose,
    diff,
    leaves,
    load_recipe,
    recipe_names,
    steps,
    thaw,
)
from trickbag.tricks import CATALOGUE, GROUPS, get

ROOT = Path(trickbag.tricks.__file__).parents[1]
ORDER = [
    "large_batch", "linear_scaling", "warmup", "zero_gamma", "no_bias_decay", "low_precision",
    "resnet_b", "resnet_c", "resnet_d",
    "cosine", "label_smoothing", "distillation", "mixup", "long_schedule",
]  # fmt: skip
EFFICIENT = ORDER[:6]

# What each trick changes on the paper's baseline: leaf -> (before, after); linear_scaling on large_batch.
CHANGES = {
    "large_batch": {"budget.batch_size": (256, 1024)},
    "linear_scaling": {"budget.batch_size": (256, 1024), "optimizer.lr": (0.1, 0.4)},
    "warmup": {"schedule.warmup": ("0st", "5ep")},
    "zero_gamma": {"model.zero_gamma": (None, True)},
    "no_bias_decay": {"optimizer.decay": ("all", "weights")},
    "low_precision": {"precision.dtype": ("fp32", "low")},
    "resnet_b": {"model.stride_in_3x3": (None, True)},
    "resnet_c": {"model.deep_stem": (None, True)},
    "resnet_d": {"model.avg_down": (None, True)},
    "cosine": {
        "schedule.name": ("step", "cosine"),
        "schedule.milestones": (["25%", "50%", "75%"], None),  # the step schedule's own arguments go with it
        "schedule.gamma": (0.1, None),
    },
    "label_smoothing": {"loss.label_smoothing.smoothing": (None, 0.1)},
    "distillation": {
        "loss.distillation.teacher": (None, "study"),
        "loss.distillation.temperature": (None, 20.0),
        "loss.distillation.hard_weight": (None, 0.5),
    },
    "mixup": {"batch.mixup.alpha": (None, 0.2)},
    "long_schedule": {"budget.epochs": (120, 200)},
}

# Top-1 accuracies as printed in the paper.
TABLE_4 = {  # rows: linear scaling, + warmup, + zero gamma, + no bias decay, + FP16
    256: [75.87, 76.03, 76.19, 76.16, 76.15],
    1024: [75.17, 75.93, 76.37, 76.03, 76.21],
}
TABLE_5 = [76.21, 76.66, 76.87, 77.16]  # ResNet-50, -B, -C, -D
TABLE_6 = {  # efficient, + cosine, + smoothing, + distill w/o mixup, + mixup w/o distill, + distill w/ mixup
    "ResNet-50-D": [77.16, 77.91, 78.31, 78.67, 79.15, 79.29],
    "Inception-V3": [77.50, 78.19, 78.40, 78.26, 78.77, 78.34],
    "MobileNet": [71.90, 72.83, 72.93, 71.97, 73.28, 72.51],
}


def printed_effects() -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Every (before, after) that the paper's tables give for a trick."""
    effects = {("large_batch", "Table 4"): [(TABLE_4[256][0], TABLE_4[1024][0])]}
    for row, name in enumerate(["warmup", "zero_gamma", "no_bias_decay", "low_precision"]):
        effects[name, "Table 4"] = [(column[row], column[row + 1]) for column in TABLE_4.values()]
    for row, name in enumerate(["resnet_b", "resnet_c", "resnet_d"]):
        effects[name, "Table 5"] = [(TABLE_5[row], TABLE_5[row + 1])]
    effects["resnet_d", "Table 5"] += [(TABLE_5[0], TABLE_5[3])]
    steps_of = {
        "cosine": [(0, 1)],
        "label_smoothing": [(1, 2)],
        "distillation": [(2, 3), (4, 5)],
        "mixup": [(2, 4)],
    }
    for name, pairs in steps_of.items():
        effects[name, "Table 6"] = [(c[a], c[b]) for a, b in pairs for c in TABLE_6.values()]
    return effects


def pair_in(claim: Claim) -> tuple[float, float]:
    """The accuracies before and after that a claim's setting spells out."""
    found = re.findall(r"(error )?(\d+\.\d+) -> (\d+\.\d+)", claim.setting)
    assert len(found) == 1, claim
    error, before, after = found[0]
    return (100 - float(before), 100 - float(after)) if error else (float(before), float(after))


def names_on(name: str) -> list[str]:
    return [*CATALOGUE[name].card.requires, name]


def composed(names: list[str]) -> Recipe:
    return compose(load_recipe("imagenet_paper_baseline"), [get(name) for name in names])


def test_the_catalogue_holds_every_file_in_the_papers_order() -> None:
    assert list(GROUPS["paper"]) == ORDER
    files = {(p.parent.name, p.stem) for p in (ROOT / "tricks").glob("*/*.py") if p.stem != "__init__"}
    assert files == {(group, name) for group, names in GROUPS.items() for name in names}
    for group, name in files:
        assert sys.modules[f"trickbag.tricks.{group}.{name}"].TRICK is CATALOGUE[name]
        assert CATALOGUE[name].name == name


def test_get_names_the_nearest_trick() -> None:
    assert get("mixup") is CATALOGUE["mixup"]
    with pytest.raises(InputError, match=r"^unknown trick 'label_smooth'; did you mean 'label_smoothing'\?$"):
        get("label_smooth")


def test_tricks_and_recipes_import_no_torch() -> None:
    code = "import sys, trickbag.tricks, trickbag.recipe as r; r.load_recipe('cifar10_baseline'); "
    code += "sys.exit(any(m.split('.')[0] in ('torch', 'timm', 'torchvision') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, check=False).returncode == 0


@pytest.mark.parametrize("name", ORDER)
def test_card_is_complete(name: str) -> None:
    card = get(name).card
    assert card.source.startswith("He et al. 2018 (arXiv 1812.01187), Section ")
    for text in (card.summary, card.source, card.follows, card.hurts, card.cost):
        assert text.endswith((".", "Table 6", "Table 5", "Table 4")) or text == card.source
        assert "  " not in text
        assert "\n" not in text
    assert len(card.summary) > 60
    assert len(card.hurts) > 60
    assert any(claim.source.startswith("He et al. 2018") for claim in card.claims)
    assert any(not claim.source.startswith("He et al. 2018") for claim in card.claims), "a replication"
    assert {*card.requires, *card.conflicts} <= set(CATALOGUE)
    for group in card.suggests:
        assert name in group
        composed(list(group))


def test_every_claim_follows_from_the_accuracies_it_names() -> None:
    for trick in CATALOGUE.values():
        for claim in trick.card.claims:
            if claim.points is not None:
                before, after = pair_in(claim)
                digits = len(str(claim.points).partition(".")[2])
                assert claim.points == pytest.approx(after - before, abs=0.5 * 10**-digits + 1e-9), claim


def test_the_claims_from_the_paper_are_all_that_its_tables_print() -> None:
    claimed: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for name in ORDER:
        for claim in CATALOGUE[name].card.claims:
            if claim.source.startswith("He et al. 2018") and claim.points is not None:
                table = claim.source.removeprefix("He et al. 2018, ")
                claimed.setdefault((name, table), []).append(pair_in(claim))
    expected = printed_effects()
    assert claimed.keys() == expected.keys()
    for key in expected:
        assert sorted(claimed[key]) == sorted(expected[key]), key


@pytest.mark.parametrize("name", ORDER)
def test_patch_changes_exactly_its_leaves(name: str) -> None:
    baseline = load_recipe("imagenet_paper_baseline")
    assert diff(baseline, composed(names_on(name))) == CHANGES[name]
    patch = thaw(get(name).patch_on(baseline))
    assert set(dict(leaves(patch))) <= set(CHANGES[name])


def test_linear_scaling_needs_the_large_batch() -> None:
    with pytest.raises(
        InputError, match=r"linear_scaling requires large_batch: group them as \[large_batch, lin"
    ):
        composed(["linear_scaling"])


def test_large_batch_and_linear_scaling_follow_the_recipe() -> None:
    baseline = load_recipe("cifar10_baseline")
    recipe = compose(baseline, [get("linear_scaling"), get("large_batch")])
    assert (recipe.budget.batch_size, recipe.optimizer.lr) == (512, pytest.approx(0.4))  # 0.1 x 512 / 128


def test_the_full_stack_composes_in_any_order() -> None:
    stack = composed(ORDER)
    assert stack == composed(ORDER[::-1])
    expected: dict[str, object] = {}
    for changes in CHANGES.values():
        expected |= changes
    assert diff(load_recipe("imagenet_paper_baseline"), stack) == expected


def test_the_paper_baseline_holds_the_papers_settings() -> None:
    """Section 2.1 and Algorithm 1; momentum, weight decay and jitter from the released code (GluonCV)."""
    recipe = load_recipe("imagenet_paper_baseline")
    assert dict(leaves(recipe.plain())) == {
        "data.name": "imagenet", "data.resize": 256, "data.crop": 224,
        "data.validation": 0.04, "data.split_seed": 0, "data.limit": None, "data.digest": None,
        "model.name": "resnet50", "model.init": "xavier",
        "budget.epochs": 120, "budget.batch_size": 256, "budget.evaluate": "every_epoch",
        "budget.batch_norm_images": None,
        "optimizer.name": "nag", "optimizer.lr": 0.1, "optimizer.reference_batch": 256,
        "optimizer.momentum": 0.9, "optimizer.weight_decay": 1e-4, "optimizer.decay": "all",
        "schedule.name": "step", "schedule.warmup": "0st", "schedule.gamma": 0.1,
        "schedule.milestones": ["25%", "50%", "75%"],
        "precision.dtype": "fp32", "precision.tf32": False, "precision.channels_last": False,
        "precision.compile": False,
        "sample.random_resized_crop.size": 224, "sample.random_resized_crop.scale": [0.08, 1.0],
        "sample.random_resized_crop.ratio": [3 / 4, 4 / 3], "sample.flip.p": 0.5,
        "sample.color_jitter.brightness": 0.4, "sample.color_jitter.contrast": 0.4,
        "sample.color_jitter.saturation": 0.4, "sample.pca_lighting.sd": 0.1,
        "order": {}, "surgery": {}, "batch": {}, "loss": {}, "step": {}, "average": {}, "predict": {}, "replica": 0,
    } | ({"sources": {}} if "sources" in Recipe.model_fields else {})  # fmt: skip
    milestones = recipe.schedule.arguments["milestones"]
    assert [steps(m, 120 * 5000, 5000) / 5000 for m in milestones] == [30, 60, 90]  # Section 2.1


STATED_FOR = {
    "optimizer.reference_batch": (256, 1024)
}  # the files state lr 0.4 for batch 1024: same training


def test_the_efficient_recipe_is_the_baseline_with_the_tricks_of_table_4() -> None:
    assert diff(composed(EFFICIENT), load_recipe("imagenet_paper_efficient")) == STATED_FOR


def test_the_best_recipe_is_the_full_stack_without_distillation() -> None:
    names = [name for name in ORDER if name != "distillation"]
    assert diff(composed(names), load_recipe("imagenet_paper_best")) == STATED_FOR


@pytest.mark.parametrize(
    ("name", "data", "model", "optimizer"),
    [
        ("cifar10_baseline", "cifar10", {"name": "resnet20"}, "nag"),  # He et al. 2015, Section 4.2
        ("cifar100_baseline", "cifar100", {"name": "resnet20"}, "nag"),
        ("cifar10_resnet18", "cifar10", {"name": "resnet18", "stem": "small"}, "sgd"),  # cifar10_bs128.py
    ],
)
def test_the_cifar_baselines_hold_their_settings(name: str, data: str, model: object, optimizer: str) -> None:
    recipe = load_recipe(name)
    plain = recipe.plain()
    assert (recipe.data.name, recipe.data.validation, plain["model"]) == (data, 0.1, model)
    assert (recipe.budget.epochs, recipe.budget.batch_size) == (200, 128)
    assert plain["optimizer"] == {
        "name": optimizer, "lr": 0.1, "reference_batch": 128, "momentum": 0.9, "weight_decay": 1e-4,
        "decay": "all",
    }  # fmt: skip
    assert plain["schedule"] == {"name": "step", "warmup": "0st", "milestones": ["50%", "75%"], "gamma": 0.1}
    assert plain["sample"] == {"pad_crop": {"padding": 4}, "flip": {"p": 0.5}}
    assert plain["batch"] == plain["loss"] == plain["surgery"] == {}
    assert recipe.precision.dtype == "fp32"


@pytest.mark.parametrize("name", [n for n in recipe_names() if n != "digits_baseline"])
def test_a_recipe_file_opens_with_what_it_reaches_how_long_and_the_command(name: str) -> None:
    lines = (ROOT / "recipes" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    comment = "\n".join(line for line in lines[: lines.index(next(x for x in lines if x[0] != "#"))])
    assert f"trickbag train {name}" in comment
    assert "How long:" in comment
    assert "Reaches" in comment or "no published accuracy" in comment
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("name", [n for n in recipe_names() if n.endswith("baseline")])
def test_every_trick_is_off_in_a_baseline(name: str) -> None:
    baseline = load_recipe(name)
    for trick in CATALOGUE:
        assert diff(baseline, compose(baseline, [get(each) for each in names_on(trick)])), trick


def test_a_trick_that_names_another_model_keeps_what_others_set() -> None:
    """Naming an entry drops the old arguments, so such tricks go first, whatever their order."""
    rename = Trick("other", {"model.name": "resnet101"}, Card(summary="s", source="s"))
    for tricks in ([CATALOGUE["zero_gamma"], rename], [rename, CATALOGUE["zero_gamma"]]):
        model = compose(load_recipe("imagenet_paper_baseline"), tricks).plain()["model"]
        assert model == {"name": "resnet101", "zero_gamma": True}
