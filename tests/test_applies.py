"""Which tricks apply where: an error that says why on one network, a named cell of the table on several.

What a network lacks is read off its definition: basic blocks have no 1x1 convolution (He et al. 2015, figure 5),
a plain stack of convolutions has no residual blocks.
"""

from pathlib import Path

import pytest
from report_studies import two_workloads

from trickbag.errors import InputError
from trickbag.recipe import Machine, NotApplicable
from trickbag.records.plan import Plan
from trickbag.report.html import render_html
from trickbag.report.latex import render_latex
from trickbag.report.markdown import render_markdown
from trickbag.report.terminal import verdict_table
from trickbag.study import Study, make_plan

PLAIN = '''"""A plain stack of convolutions."""
from torch import nn


def plain(num_classes: int, in_channels: int = 3, *, width: float = 1.0) -> nn.Module:
    """Two convolutions and a classifier."""
    channels = round(8 * width)
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes),
    )
'''
BOTTLENECK = {"name": "bottleneck"}
BASIC = {"name": "basic", "set": {"model.name": "resnet20"}}
STACK = {"name": "stack", "set": {"model.name": "net.py:plain"}}
GAMMA = "needs residual blocks that end in batch norm"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(PLAIN)
    return tmp_path


def plan(machine: Machine, base: Path, factors: list[object], *workloads: object, **fields: object) -> Plan:
    plain = {
        "name": "s",
        "baseline": "digits_baseline",
        "factors": factors,
        "seeds": 2,
        "margin": 0.5,
        "workloads": workloads,
        "machine": machine.model_dump(),
    }
    return make_plan(Study.model_validate({**plain, **fields}), base)


def names(made: Plan, workload: str) -> list[str]:
    return [arm.name for arm in made.arms if arm.workload == workload]


@pytest.mark.parametrize(
    ("factors", "network", "message"),
    [
        (["zero_gamma"], "net.py:plain", f"trick zero_gamma does not apply to net.py:plain: it {GAMMA}"),
        (["resnet_b"], "resnet20", "trick resnet_b does not apply to resnet20: it needs bottleneck blocks"),
        (
            [{"name": "deep", "set": {"model.deep_stem": True}}],
            "net.py:plain",
            "trick deep does not apply to net.py:plain: it sets model.deep_stem, which net.py:plain does not take",
        ),
        (  # another library's stem may be deep, but nothing here switches it
            ["resnet_c"],
            "torchvision/resnet18",
            "trick resnet_c does not apply to torchvision/resnet18: it sets model.deep_stem, which "
            "torchvision/resnet18 does not take",
        ),
        (
            ["zero_gamma"],
            "torchvision/vgg11_bn",
            f"trick zero_gamma does not apply to torchvision/vgg11_bn: it {GAMMA}",
        ),
    ],
)
def test_on_one_network_it_is_an_error_that_says_why(
    machine: Machine, base: Path, factors: list[object], network: str, message: str
) -> None:
    change = {"model.name": network, **({"data.name": "rgb.py:rgb"} if "/" in network else {})}
    (base / "rgb.py").write_text(
        "import numpy as np\nfrom trickbag.data import ImageSet\n\n\ndef rgb(root):\n"
        "    x, y = np.zeros((80, 3, 32, 32), np.uint8), np.arange(80) % 2\n"
        "    return ImageSet.of((x, y), (x[:0], y[:0]), ('a', 'b'))\n"
    )
    with pytest.raises(NotApplicable) as caught:
        plan(machine, base, factors, set=change)
    assert str(caught.value) == message


def test_a_misspelt_field_is_no_question_of_applying(machine: Machine, base: Path) -> None:
    wrong = [{"name": "x", "set": {"model.zero_gama": True}}]
    with pytest.raises(InputError, match="unknown argument 'zero_gama'; did you mean 'zero_gamma'"):
        plan(machine, base, wrong, BOTTLENECK, BASIC)


def test_among_several_workloads_the_factor_is_left_out_where_it_does_not_apply(
    machine: Machine, base: Path
) -> None:
    factors: list[object] = ["cosine", "zero_gamma", ["resnet_b", "resnet_d"]]
    made = plan(machine, base, factors, BOTTLENECK, BASIC, STACK)
    assert names(made, "bottleneck") == ["baseline", "cosine", "zero_gamma", "resnet_b+resnet_d"]
    assert names(made, "basic") == ["baseline", "cosine", "zero_gamma"]
    assert names(made, "stack") == ["baseline", "cosine"]
    group = "resnet_b needs bottleneck blocks"  # a group is left out as a whole
    assert made.not_applicable == {
        "basic": {"resnet_b+resnet_d": group},
        "stack": {"zero_gamma": f"it {GAMMA}", "resnet_b+resnet_d": group},
    }
    assert {(c.workload, c.arm) for c in made.comparisons} == {
        *(("bottleneck", name) for name in ("cosine", "zero_gamma", "resnet_b+resnet_d")),
        *(("basic", name) for name in ("cosine", "zero_gamma")),
        ("stack", "cosine"),
    }


def test_stacks_go_on_without_the_factor(machine: Machine, base: Path) -> None:
    made = plan(machine, base, ["zero_gamma", "cosine"], BOTTLENECK, STACK, design="cumulative")
    assert made.arm("bottleneck", "+cosine").tricks == ("zero_gamma", "cosine")
    assert made.arm("stack", "+cosine").tricks == ("cosine",)
    factors: list[object] = ["zero_gamma", "cosine", "mixup"]
    made = plan(machine, base, factors, BOTTLENECK, STACK, design="leave_one_out")
    assert names(made, "stack") == ["baseline", "stack", "without cosine", "without mixup"]
    assert made.not_applicable == {"stack": {"zero_gamma": f"it {GAMMA}"}}


def test_levels_are_left_out_one_by_one(machine: Machine, base: Path) -> None:
    factor = {"name": "tweak", "levels": ["zero_gamma", {"name": "w", "set": {"model.width": 2.0}}]}
    made = plan(machine, base, [factor], BOTTLENECK, STACK)
    assert names(made, "bottleneck") == ["baseline", "tweak=zero_gamma", "tweak=w"]
    assert names(made, "stack") == ["baseline", "tweak=w"]
    assert made.not_applicable == {"stack": {"tweak=zero_gamma": f"zero_gamma {GAMMA}"}}


def test_named_pairs_go_with_their_arms(machine: Machine, base: Path) -> None:
    pairs = [["zero_gamma", "cosine"], ["cosine", "baseline"]]
    made = plan(machine, base, ["zero_gamma", "cosine"], BOTTLENECK, STACK, compare=pairs)
    assert [(c.workload, c.arm, c.comparison) for c in made.comparisons] == [
        ("bottleneck", "zero_gamma", "cosine"),
        ("bottleneck", "cosine", "baseline"),
        ("stack", "cosine", "baseline"),
    ]


@pytest.mark.parametrize("design", ["full_factorial", "shapley"])
def test_designs_that_need_all_factors_refuse(machine: Machine, base: Path, design: str) -> None:
    message = rf"^workload stack: trick zero_gamma does not apply to .*; a {design} design needs all of its"
    with pytest.raises(InputError, match=message):
        plan(machine, base, ["zero_gamma", "cosine"], BOTTLENECK, STACK, design=design)


def test_a_factor_without_any_workload_is_an_error(machine: Machine, base: Path) -> None:
    with pytest.raises(InputError, match=r"^factors: resnet_b applies to no workload \(basic: it needs bott"):
        plan(machine, base, ["cosine", "resnet_b"], BASIC, STACK)


def test_the_tricks_of_a_teacher_must_apply(machine: Machine, base: Path) -> None:
    teacher = {"set": {"model.name": "net.py:plain"}, "tricks": ["zero_gamma"]}
    with pytest.raises(NotApplicable, match=r"trick zero_gamma does not apply to net\.py:plain"):
        plan(machine, base, ["distillation"], teacher=teacher)


def test_the_cell_stands_in_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trickbag.report.html.canvas", lambda: None)  # no charts, which take seconds
    cells = {"vgg16_bn on cifar10": {"zero_gamma": f"it {GAMMA}"}}
    results = two_workloads().model_copy(update={"not_applicable": cells})
    said = f"not applicable: it {GAMMA}"
    assert f"| zero_gamma | – | – | {said} |" in render_markdown(results)
    assert f"zero\\_gamma & \\multicolumn{{3}}{{l}}{{{said}}} \\\\" in render_latex(results)
    assert f'<td class="name">zero_<wbr>gamma</td><td colspan="5">{said}</td>' in render_html(results)
    table = verdict_table(results, 200)
    rows = list(zip(*(list(column.cells) for column in table.columns), strict=True))
    found = [row for row in rows if any(said in str(cell) for cell in row)]
    assert [str(row[0]) for row in found] == ["zero_gamma"]
