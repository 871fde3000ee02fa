"""Recipes, patches and composition; expected values are written by hand, the hash by sha256sum."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from trickbag.errors import InputError
from trickbag.recipe import (
    Card,
    Machine,
    Recipe,
    Trick,
    apply,
    arm_name,
    compose,
    diff,
    fingerprint,
    freeze,
    in_steps,
    leaves,
    load_recipe,
    parse_overrides,
    parse_yaml,
    read_yaml,
    recipe_names,
    steps,
    thaw,
    validate,
)

TEXT = """
data: {name: digits}
model: {name: resnet, layers: [1, 2]}
budget: {epochs: 4, batch_size: 32}
optimizer: {name: nag, lr: 5e-2, momentum: 0.9}
schedule: {name: step, milestones: [50%, 3ep], gamma: 0.1}
sample: {flip: {p: 0.5}}
"""


def plain() -> dict[str, Any]:
    loaded: dict[str, Any] = parse_yaml(TEXT, "text")
    return loaded


@pytest.fixture
def recipe() -> Recipe:
    return validate(Recipe, plain())


def trick(name: str, patch: Any, **card: Any) -> Trick:
    return Trick(name, patch, Card("", "", **card))


def message(call: Any, *args: Any) -> str:
    """The one line with which a call refuses its input."""
    with pytest.raises(InputError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# YAML, round trip, fingerprint


@pytest.mark.parametrize("name", recipe_names())
def test_yaml_round_trip(name: str) -> None:
    recipe = load_recipe(name)
    again = validate(Recipe, parse_yaml(recipe.yaml(), "yaml"))
    assert again == recipe
    assert again.fingerprint() == recipe.fingerprint()
    assert list(parse_yaml(recipe.yaml(), "yaml"))[:5] == ["data", "model", "budget", "optimizer", "schedule"]


def test_numbers_may_be_written_as_in_yaml_1_2() -> None:
    assert parse_yaml("[1e-4, 5E3, -1.5e+2, 1e5x, 0.1, 10]", "x") == [1e-4, 5000.0, -150.0, "1e5x", 0.1, 10]


def test_fingerprint_is_sha_256_of_canonical_json() -> None:
    # printf '{"a":[1,2.5],"b":"x"}' | sha256sum
    assert fingerprint({"b": "x", "a": [1, 2.5]}) == "5cefae54a95b"


def test_fingerprint_sees_every_leaf_and_no_order(recipe: Recipe) -> None:
    changed = [
        {"data.split_seed": 1}, {"model.layers": [2, 1]}, {"budget.epochs": 5}, {"optimizer.momentum": 0.8},
        {"schedule.gamma": 0.2}, {"sample.flip.p": 0.4}, {"loss.x": {}}, {"precision.tf32": True},
        {"replica": 1},
    ]  # fmt: skip
    prints = {apply(recipe, patch).fingerprint() for patch in changed}
    assert len(prints | {recipe.fingerprint()}) == len(changed) + 1
    assert validate(Recipe, dict(reversed(plain().items()))).fingerprint() == recipe.fingerprint()


# Durations


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5ep", 500), ("0.5ep", 50), ("10%", 90), ("33.3%", 300), ("400st", 400), ("0st", 0)],
)
def test_durations_in_steps(text: str, expected: int) -> None:
    assert steps(text, total_steps=900, steps_per_epoch=100) == expected


def test_in_steps_reaches_into_lists_and_leaves_the_rest() -> None:
    assert in_steps(("50%", "3ep", 0.1, "cosine"), 900, 100) == [450, 300, 0.1, "cosine"]


@pytest.mark.parametrize("text", ["5", "ep", "5 ep", "-5ep", "5epochs", "1e2st", ""])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write 5ep, 10% or 400st"):
        steps(text, 900, 100)
    said = message(validate, Recipe, plain() | {"schedule": {"name": "step", "warmup": text}}, "r.yaml")
    assert said == f"r.yaml: schedule.warmup: {text!r} is no duration; write 5ep, 10% or 400st"


# Frozen


def test_a_recipe_cannot_be_changed(recipe: Recipe) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        recipe.replica = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        recipe.model.name = "vgg"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        recipe.model.layers = [3]  # type: ignore[attr-defined]
    for mapping in (recipe.sample, recipe.sample["flip"], recipe.model.arguments):
        with pytest.raises(TypeError):
            mapping["p"] = 0.1  # type: ignore[index]
    assert recipe.model.arguments["layers"] == (1, 2)
    assert recipe.model.model_extra == {"layers": (1, 2)}


def test_a_recipe_shares_nothing_with_its_source(recipe: Recipe) -> None:
    source = plain()
    copied = validate(Recipe, source)
    source["model"]["layers"].append(3)
    source["sample"]["flip"]["p"] = 0.0
    copied.plain()["model"]["layers"].append(4)
    assert copied == recipe
    assert copied.plain()["model"]["layers"] == [1, 2]


def test_freeze_and_thaw_are_inverse() -> None:
    value = {"a": [1, {"b": [2, 3]}], "c": "text"}
    frozen = freeze(value)
    assert frozen["a"][1]["b"] == (2, 3)
    assert thaw(frozen) == value


# Patches and diffs


def test_apply_merges_leaves(recipe: Recipe) -> None:
    patched = apply(recipe, {"budget": {"epochs": 9}, "loss.smooth": {"eps": 0.1}, "model.width": 0.5})
    assert patched.budget.batch_size == 32
    assert diff(recipe, patched) == {
        "budget.epochs": (4, 9), "loss.smooth.eps": (None, 0.1), "model.width": (None, 0.5),
    }  # fmt: skip
    assert recipe == validate(Recipe, plain())
    assert diff(recipe, recipe) == {}


def test_another_name_drops_the_arguments_of_the_old_one(recipe: Recipe) -> None:
    warm = apply(recipe, {"schedule.warmup": "1ep"})
    for patch in (
        {"schedule.name": "poly", "schedule.power": 2},
        {"schedule.power": 2, "schedule.name": "poly"},
    ):
        assert apply(warm, patch).plain()["schedule"] == {"name": "poly", "warmup": "1ep", "power": 2}
    assert apply(warm, {"schedule.name": "step"}) == warm


def test_an_operation_without_arguments_shows_in_the_diff(recipe: Recipe) -> None:
    assert diff(recipe, apply(recipe, {"surgery.se": {}})) == {"surgery.se": (None, {})}


def test_leaves() -> None:
    assert dict(leaves({"a": {"b": 1, "c": {}}, "d": [2]})) == {"a.b": 1, "a.c": {}, "d": [2]}


def test_overrides() -> None:
    words = ["budget.epochs=2", "schedule.milestones=[30%, 2ep]", "optimizer.lr=1e-2", "data.limit="]
    assert parse_overrides(words) == {
        "budget.epochs": 2, "schedule.milestones": ["30%", "2ep"], "optimizer.lr": 0.01, "data.limit": None,
    }  # fmt: skip
    for word in ("epochs", "=3", "a b=3", "a..b=1"):
        assert message(parse_overrides, [word]) == (
            f"{word!r}: a field is set as field=value, like budget.epochs=2"
        )
    assert message(parse_overrides, ["model.layers=[1"]).startswith(
        "model.layers: line 1, column 3: malformed"
    )


# Bad input


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"budget.epoch": 3}, "p: budget: unknown field 'epoch'; did you mean 'epochs'?"),
        ({"optimzer.lr": 3}, "p: unknown field 'optimzer'; did you mean 'optimizer'?"),
        (
            {"precision.zzz": 3},
            "p: precision: unknown field 'zzz'; known: channels_last, compile, dtype, tf32",
        ),
        (
            {"budget.epochs": "many"},
            "p: budget.epochs: a whole number is expected, found 'many'",
        ),
        ({"budget.epochs": 0}, "p: budget.epochs: input should be greater than or equal to 1, found 0"),
        ({"optimizer.lr": -1}, "p: optimizer.lr: input should be greater than or equal to 0, found -1"),
        ({"optimizer.lr": float("inf")}, "p: optimizer.lr: input should be a finite number, found inf"),
        ({"optimizer.lr": float("nan")}, "p: optimizer.lr: input should be a finite number, found nan"),
        (
            {"precision.dtype": "half"},
            "p: precision.dtype: input should be 'fp32', 'bf16', 'fp16' or 'low', found 'half'",
        ),
        ({"data.validation": 1.5}, "p: data.validation: input should be less than 1, found 1.5"),
        ({"budget.epochs.x": 1}, "p: budget.epochs: a whole number is expected, found {'x': 1}"),
        ({"sample.flip": None}, "p: sample.flip: a mapping of fields is expected, found None"),
        ({"model.name": 3}, "p: model.name: input should be a valid string, found 3"),
    ],
)
def test_a_wrong_patch_is_one_clear_line(recipe: Recipe, patch: dict[str, Any], expected: str) -> None:
    assert message(apply, recipe, patch, "p") == expected


def test_a_misspelled_field_comes_before_the_missing_one() -> None:
    wrong = plain() | {"budget": {"epoch": 3, "batch_size": 2}}
    assert message(validate, Recipe, wrong, "r") == "r: budget: unknown field 'epoch'; did you mean 'epochs'?"
    missing = plain() | {"budget": {"batch_size": 2}}
    assert message(validate, Recipe, missing, "r") == "r: budget.epochs: field required"
    assert message(validate, Machine, {"thread": 2}) == "unknown field 'thread'; did you mean 'threads'?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1,\n  2", "line 2, column 4: malformed YAML: expected ',' or ']', but got '<stream end>'"),
        (
            "a: 1\n\tb: 2",
            "line 2, column 1: malformed YAML: found character '\\t' that cannot start any token",
        ),
        ("a: 1\n b: 2", "line 2, column 3: malformed YAML: mapping values are not allowed here"),
        ("a: {x: 1}\nb: 2\na: 3", "line 3, column 1: malformed YAML: 'a' stands twice"),
        ("a:\n  lr: 1\n  lr: 2", "line 3, column 3: malformed YAML: 'lr' stands twice"),
        ("a: 1\nb: \x07", "line 2, column 4: malformed YAML: special characters are not allowed"),
        ("a: *x", "line 1, column 4: malformed YAML: found undefined alias 'x'"),
        (
            "a: !!python/object:os.system x",
            "line 1, column 4: malformed YAML: could not determine a constructor "
            "for the tag 'tag:yaml.org,2002:python/object:os.system'",
        ),
        ("a: 2024-99-99", "malformed YAML: month must be in 1..12"),
    ],
)
def test_malformed_yaml_is_one_line_with_line_and_column(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    assert message(read_yaml, path) == f"{path}: {expected}"


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    assert message(read_yaml, path).startswith(f"{path}: cannot be read: ")
    for text, kind in (("", "nothing"), ("- 1", "list"), ("word", "str")):
        path.write_text(text)
        assert message(read_yaml, path) == f"{path}: a mapping of fields is expected, found {kind}"
    path.write_bytes(b"a: \xff\xfe")
    assert message(read_yaml, path).startswith(f"{path}: cannot be read: 'utf-8' codec")
    path.write_text("[" * 5000)
    assert message(read_yaml, path).startswith(f"{path}: malformed YAML: ")
    assert message(read_yaml, tmp_path).startswith(f"{tmp_path}: cannot be read: ")


def test_load_recipe(tmp_path: Path, recipe: Recipe) -> None:
    for suffix in ("yaml", "yml"):
        path = tmp_path / f"mine.{suffix}"
        path.write_text(TEXT)
        assert load_recipe(path) == load_recipe(str(path)) == recipe
    path.write_text(TEXT.replace("epochs", "epoch"))
    assert message(load_recipe, path) == f"{path}: budget: unknown field 'epoch'; did you mean 'epochs'?"
    assert message(load_recipe, "cifar_baseline") == (
        "unknown recipe 'cifar_baseline'; did you mean 'cifar10_baseline'?"
    )
    assert "digits_baseline" in recipe_names()
    assert recipe_names() == sorted(recipe_names())


# Composition

COSINE = trick("cosine", {"schedule.name": "cosine"})
BIG = trick("big", lambda recipe: {"budget.batch_size": 4 * recipe.budget.batch_size})
SCALED = trick(
    "scaled", lambda r: {"optimizer.lr": r.optimizer.lr * r.budget.batch_size / 32}, requires=("big",)
)


def test_compose_whatever_the_order(recipe: Recipe) -> None:
    arm = compose(recipe, [SCALED, COSINE, BIG])
    assert arm == compose(recipe, [BIG, COSINE, SCALED])
    assert (arm.budget.batch_size, arm.optimizer.lr, arm.schedule.name) == (128, pytest.approx(0.2), "cosine")
    assert compose(recipe, []) == recipe
    assert (arm_name([BIG, COSINE]), arm_name([])) == ("big+cosine", "baseline")


@pytest.mark.parametrize(
    ("tricks", "expected"),
    [
        (
            [COSINE, trick("poly", {"schedule.name": "poly"})],
            "tricks cosine and poly both set schedule.name: they cannot be on together",
        ),
        (
            [trick("a", {"loss.smooth": {"eps": 1}}), trick("b", {"loss.smooth": {"eps": 2}})],
            "tricks a and b both set loss.smooth.eps: they cannot be on together",
        ),
        (
            [trick("a", {"loss.smooth": {}}), trick("b", {"loss.smooth.eps": 2})],
            "tricks a and b both set loss.smooth.eps: they cannot be on together",
        ),
        ([SCALED], "trick scaled requires big: group them as [big, scaled]"),
        ([COSINE, COSINE], "trick cosine stands twice in one arm"),
        (
            [COSINE, trick("x", {"replica": 1}, conflicts=("cosine",))],
            "tricks x and cosine exclude each other",
        ),
        (
            [trick("same", {"schedule.name": "step"})],
            "trick same changes nothing here: schedule.name is already 'step'",
        ),
        (
            [trick("lists", {"model.layers": [1, 2]})],
            "trick lists changes nothing here: model.layers is already [1, 2]",
        ),
        ([trick("nothing", {})], "trick nothing changes nothing here: its patch is empty"),
        (
            [trick("typo", {"schedul.name": "cosine"})],
            "trick typo: unknown field 'schedul'; did you mean 'schedule'?",
        ),
    ],
)
def test_company_that_cannot_be(recipe: Recipe, tricks: list[Trick], expected: str) -> None:
    assert message(compose, recipe, tricks) == expected
