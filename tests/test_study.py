"""Studies: from a file to a plan; everything wrong is one clear line, and nothing is written."""

import shutil
from pathlib import Path

import pytest
import yaml

import trickbag
from trickbag.errors import InputError
from trickbag.lab import freeze
from trickbag.recipe import Machine
from trickbag.records.chain import read_plan
from trickbag.records.plan import Plan
from trickbag.study import Study, load_study, make_plan

BASELINE = Path(trickbag.__file__).parent / "recipes" / "digits_baseline.yaml"


def study(machine: Machine, **fields: object) -> Study:
    plain = {"name": "s", "baseline": "digits_baseline", "factors": ["cosine"], "seeds": 2, "margin": 0.5}
    return Study.model_validate({**plain, "machine": machine.model_dump(), **fields})


def plan(machine: Machine, **fields: object) -> Plan:
    return make_plan(study(machine, **fields), Path())


def arms(made: Plan) -> dict[str, tuple[str, ...]]:
    return {arm.name: arm.tricks for arm in made.arms}


def test_one_at_a_time_with_groups_and_inline_tricks(machine: Machine) -> None:
    factors = [
        "cosine",
        ["large_batch", "linear_scaling"],
        {"name": "low_lr", "set": {"optimizer.lr": 0.005}},
        {"trick": "warmup", "set": {"schedule.warmup": "1ep"}},
        {"name": "a_a", "replica": 1},
    ]
    made = plan(machine, factors=factors)
    assert arms(made) == {
        "baseline": (),
        "cosine": ("cosine",),
        "large_batch+linear_scaling": ("large_batch", "linear_scaling"),
        "low_lr": ("low_lr",),
        "warmup": ("warmup",),
        "a_a": ("a_a",),
    }
    assert {(c.arm, c.comparison) for c in made.comparisons} == {
        (n, "baseline") for n in arms(made) if n != "baseline"
    }
    assert made.arm("digits", "large_batch+linear_scaling").diff == {
        "budget.batch_size": (32, 128),
        "optimizer.lr": (0.05, 0.2),
    }
    assert made.arm("digits", "warmup").diff == {"schedule.warmup": ("0st", "1ep")}
    assert made.arm("digits", "a_a").diff == {"replica": (0, 1)}
    assert len(made.runs) == 6 * 2


def test_a_catalogue_trick_with_other_values(machine: Machine) -> None:
    made = plan(machine, factors=[{"trick": "mixup", "set": {"batch.mixup.alpha": 0.4}}])
    assert made.arm("digits", "mixup").diff == {"batch.mixup.alpha": (None, 0.4)}


def test_cumulative_compares_each_step_and_both_ends(machine: Machine) -> None:
    made = plan(machine, design="cumulative", factors=["zero_gamma", "cosine", "mixup"])
    assert arms(made) == {
        "baseline": (),
        "+zero_gamma": ("zero_gamma",),
        "+cosine": ("zero_gamma", "cosine"),
        "+mixup": ("zero_gamma", "cosine", "mixup"),
    }
    assert [(c.arm, c.comparison) for c in made.comparisons] == [
        ("+zero_gamma", "baseline"),
        ("+cosine", "+zero_gamma"),
        ("+mixup", "+cosine"),
        ("+mixup", "baseline"),
    ]


def test_all_arms_share_seeds_and_validation_images(machine: Machine) -> None:
    made = plan(machine, factors=["cosine", "mixup"], seeds=3)
    by_arm = {a: sorted(r.seed for r in made.runs if r.arm == a) for a in arms(made)}
    assert set(map(tuple, by_arm.values())) == {(1, 2, 3)}
    ids = made.workloads[0].validation_ids
    assert len(ids) == len(set(ids)) == 719


def test_run_order_is_random_within_a_seed_and_fixed(machine: Machine) -> None:
    fields = {"factors": ["cosine", "mixup", "zero_gamma", "label_smoothing"], "seeds": 4}
    made = plan(machine, **fields)
    assert [r.seed for r in made.runs] == sorted(r.seed for r in made.runs)
    orders = {tuple(r.arm for r in made.runs if r.seed == seed) for seed in (1, 2, 3, 4)}
    assert len(orders) > 1
    assert made == plan(machine, **fields)


def test_arms_with_one_fingerprint_run_once(machine: Machine) -> None:
    twin = {"name": "twin", "set": {"schedule.name": "cosine"}}
    made = plan(machine, factors=["cosine", twin])
    assert made.arm("digits", "cosine").fingerprint == made.arm("digits", "twin").fingerprint
    assert len(made.runs) == 2 * 2
    assert [c.arm for c in made.comparisons] == ["cosine"]


def test_teacher_phase_comes_first_and_students_need_it(machine: Machine) -> None:
    made = plan(machine, factors=["distillation"], teacher={"set": {"model.layers": [2, 2, 2]}})
    assert [phase.name for phase in made.phases] == ["teacher", "confirm"]
    teacher = made.phases[0].runs[0]
    needs = {r.arm: r.needs for r in made.phases[1].runs}
    assert needs == {"baseline": (), "distillation": (teacher.id,)}
    recipe = made.arm("digits", "distillation").recipe
    assert recipe["loss"]["distillation"]["teacher"] == f"runs/{teacher.id}/weights.safetensors"


def test_several_workloads(machine: Machine) -> None:
    loads = [{"name": "narrow", "set": {"model.width": 0.5}}, {"name": "wide"}]
    made = plan(machine, workloads=loads, factors=["cosine"])
    assert [w.name for w in made.workloads] == ["narrow", "wide"]
    assert len(made.runs) == 2 * 2 * 2
    assert {c.workload for c in made.comparisons} == {"narrow", "wide"}


def test_a_wrong_baseline_of_one_of_several_workloads_says_which(machine: Machine) -> None:
    loads = [{"name": "right"}, {"name": "wrong", "set": {"model.name": "resnet5"}}]
    with pytest.raises(InputError, match=r"^workload wrong: .*resnet5"):
        plan(machine, workloads=loads)
    with pytest.raises(InputError, match=r"^workload lost: unknown recipe 'nowhere'"):
        plan(machine, workloads=[loads[0], {"name": "lost", "baseline": "nowhere"}])


def test_overrides_reach_into_parts_of_the_study() -> None:
    loaded, _ = load_study("digits_demo", ["cap.runs=500", "screen.keep=2", "tune.points=4"])
    assert (loaded.cap and loaded.cap.runs, loaded.screen and loaded.screen.keep) == (500, 2)
    assert loaded.tune
    assert loaded.tune.points == 4


def test_overrides_address_the_study_or_its_baseline() -> None:
    loaded, _ = load_study(
        "digits_demo", ["seeds=3", "budget.epochs=2", "machine.workers=1", "model.width=0.5"]
    )
    assert loaded.seed_list == (1, 2, 3)
    assert loaded.set == {"budget.epochs": 2, "model.width": 0.5}
    assert loaded.machine.workers == 1


def test_overrides_reach_what_names_another_network(tmp_path: Path) -> None:
    """After a workload's own changes; a teacher and an own trick keep what they state, and drop nothing."""
    file = tmp_path / "s.yaml"
    file.write_text(
        """{name: s, baseline: cifar10_baseline, margin: 1, seeds: 3,
        workloads: [{name: a, set: {model.name: resnet18, budget.epochs: 30}}, {name: b}],
        teacher: {set: {model: {name: resnet56}, budget.epochs: 9}},
        factors: [
          cosine, {name: deep, set: {model.name: resnet32}}, {name: low, set: {optimizer.lr: 0.01}},
          {name: pair, levels: [cosine, {name: big, set: {model: {name: resnet44, width: 2}}}]}]}"""
    )
    loaded, _ = load_study(str(file), ["model.width=0.5", "budget.epochs=2"])
    both = {"model.width": 0.5, "budget.epochs": 2}
    assert loaded.set == both
    assert [w.set for w in loaded.workloads] == [{"model.name": "resnet18", **both}, both]
    assert loaded.teacher
    assert loaded.teacher.set == {"model": {"name": "resnet56"}, "budget.epochs": 9, "model.width": 0.5}
    plain = loaded.model_dump()["factors"]
    assert plain[1]["set"] == {"model.name": "resnet32", "model.width": 0.5}
    assert plain[2]["set"] == {"optimizer.lr": 0.01}
    assert plain[3]["levels"][1]["set"] == {"model": {"name": "resnet44", "width": 2}}


def test_frozen_folder_is_self_contained_and_the_same_again(machine: Machine, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "my.yaml"
    shutil.copy(BASELINE, tmp_path / "mine.yaml")
    plain = {"name": "x", "baseline": "mine.yaml", "factors": ["cosine"], "seeds": 3, "margin": 1.0}
    file.write_text(yaml.safe_dump({**plain, "machine": machine.model_dump(mode="json")}))
    first = freeze(str(file), out)
    again = freeze(str(file), out)
    assert first == again == read_plan(out).plan()
    (tmp_path / "mine.yaml").unlink()
    assert make_plan(*load_study(str(out / "study.yaml"))).arms == first.arms


def test_another_plan_in_the_folder_is_refused(machine: Machine, tmp_path: Path) -> None:
    freeze(study(machine, seeds=3), tmp_path / "out")
    with pytest.raises(InputError, match="holds another plan of this study"):
        freeze(study(machine, seeds=4), tmp_path / "out")
    with pytest.raises(InputError, match="belongs to another study, 's'"):
        freeze(study(machine, name="t", seeds=3), tmp_path / "out")


def test_a_plan_changed_by_hand_is_noticed(machine: Machine, tmp_path: Path) -> None:
    freeze(study(machine, seeds=3), tmp_path / "out")
    path = tmp_path / "out" / "plan.json"
    path.write_text(path.read_text().replace('"margin": 0.5', '"margin": 0.1'))
    with pytest.raises(InputError, match="changed by hand"):
        read_plan(tmp_path / "out")


WRONG = [
    ({"factors": ["cosin"]}, "factors: unknown trick 'cosin'; did you mean 'cosine'?"),
    (
        {"factors": [["cosine", {"name": "poly", "set": {"schedule.name": "constant"}}]]},
        "cosine and poly both set",
    ),
    ({"factors": ["linear_scaling"]}, "linear_scaling requires large_batch: group them as"),
    (
        {"factors": [{"name": "same", "set": {"optimizer.lr": 0.05}}]},
        "changes nothing here: optimizer.lr is already 0.05",
    ),
    ({"factors": ["distillation"]}, "distillation needs a teacher"),
    ({"factors": ["cosine", "cosine"]}, "two arms are called 'cosine'"),
    (
        {"factors": [{"name": "x", "set": {"model.widht": 2}}]},
        "unknown argument 'widht'; did you mean 'width'?",
    ),
    (
        {"factors": [{"name": "x", "set": {"model.name": "resnet21"}}]},
        "unknown model 'resnet21'; did you mean",
    ),
    (
        {"factors": [{"name": "x", "set": {"optimizer.lr": "fast"}}]},
        "optimizer.lr: input should be a valid number",
    ),
    ({"factors": [{"name": "x", "set": {"precision.dtype": "fp16"}}]}, "fp16 needs a CUDA device"),
    (
        {"factors": [{"name": "x", "set": {"data.split_seed": 9}}]},
        "may not change the images that arms are judged on",
    ),
    ({"factors": [{"name": "x", "set": {"budget.batch_size": 9999}}]}, "more than the 719 training images"),
    ({"factors": [{"name": "x", "set": {"schedule.warmup": "500ep"}}]}, "must be shorter than the training"),
    (
        {"factors": [{"name": "x", "set": {"schedule.warmup": 5}}]},
        "5 is no duration; write 5ep, 10% or 400st",
    ),
    ({"factors": [{"name": "x", "set": {"sample.flip.p": 3}}]}, "flip: p is 3"),
    ({"factors": [{"name": "x", "set": {"sample.color_jitter.hue": 0.5}}]}, "images with 1 channel"),
    (
        {"factors": [{"name": "x", "set": {"batch.mixup.alpha": 0}}]},
        "batch.mixup.alpha: input should be greater",
    ),
    ({"baseline": "digits_baselin"}, "unknown recipe 'digits_baselin'; did you mean 'digits_baseline'?"),
    ({"set": {"budget.epoch": 2}}, "unknown field 'epoch'; did you mean 'epochs'?"),
    ({"compare": []}, "compare: no pair is named; write [[arm, comparison], …], or leave it out"),
    ({"compare": [["cosine", "mixup"]]}, "no arm is called 'mixup'"),
    ({"set": {"data.name": "folder"}}, "write folder:PATH, or set machine.data_root=PATH"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_wrong_studies_are_one_clear_line(
    machine: Machine, tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        freeze(study(machine, **fields), tmp_path / "out")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (1, "at least 2 seeds"),
        ([1, 1, 2], "a seed stands twice"),
        ("many", r"^digits_demo: seeds: a whole number is expected, found 'many'$"),
        ([-1, 2], "seeds: -1 is no seed; they count from 0"),
    ],
)
def test_wrong_seeds(seeds: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_study("digits_demo", [f"seeds={seeds}"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("factors=cosine", "factors: a list is expected, found 'cosine'"),
        ("teacher=resnet56", "teacher: a mapping of fields is expected, found 'resnet56'"),
        ("tune=8", "tune: a mapping of fields is expected, found 8"),
        ("factors=[{name: z}]", "factors.0: a trick of the study's own needs a `name` and what it sets"),
        ("factors=[{name: z, sett: {}}]", "factors.0: unknown field 'sett'; did you mean 'set'?"),
        (
            "factors=[{name: g, tricks: [cosine], set: {optimizer.lr: 9}}]",
            "a group of `tricks` takes a `name`",
        ),
        ("factors=[{trick: mixup, replica: 1}]", "`replica` repeats the baseline"),
        ("teacher={sets: {}}", "teacher: unknown field 'sets'; did you mean 'set'?"),
        ("workloads=[{name: x}, {name: x}]", "workloads: two are called 'x'; give each a name of its own"),
        ("workloads=[{nam: x}]", "workloads.0: unknown field 'nam'; did you mean 'name'?"),
    ],
)
def test_wrong_parts_of_a_study_say_where(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_study("digits_demo", [override])
    assert message in str(caught.value)


def test_the_readme_study_plans(machine: Machine, tmp_path: Path) -> None:
    """The README's YAML as it stands, on digits instead of a folder."""
    text = (Path(__file__).parent.parent / "README.md").read_text()
    file = tmp_path / "study.yaml"
    file.write_text(text.partition("```yaml\n")[2].partition("```")[0].replace("folder:photos", "digits"))
    made = make_plan(*load_study(str(file), [f"machine.cache={machine.cache}", "model.width=0.1"]))
    assert len(made.arms) == 6
    assert made.arm("digits", "mixup").recipe["batch"]["mixup"]["alpha"] == 0.4


def test_embedded_studies_load() -> None:
    for name in ("digits_demo", "cifar10_paper"):
        loaded, _ = load_study(name)
        assert loaded.factors
