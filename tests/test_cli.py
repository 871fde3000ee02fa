"""The command line as a person meets it: exit codes, one clear line, machine-readable lists, no torch for reading."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT, trickbag, trickbag_process

from trickbag.recipe import Machine

KINDS = ("tricks", "models", "optimizers", "schedules", "augmentations", "datasets", "recipes", "studies")
TINY = [
    "seeds=3",
    "model.channels=[4, 4, 4]",
    "budget.epochs=1",
    "data.limit=100",
    "margin=2",
    "teacher=null",
    "machine.workers=1",
]
FACTORS = "factors=[cosine, {name: a_a, replica: 1}]"


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> tuple[Path, str]:
    """A tiny study, run through the command line: its folder and what was printed."""
    out = tmp_path_factory.mktemp("cli") / "out"
    printed = trickbag_process(
        "study", "digits_demo", "--out", out, *TINY, FACTORS, f"machine.cache={machine.cache}"
    )
    return out, printed


def test_study_leaves_its_files_and_says_where(studied: tuple[Path, str]) -> None:
    out, printed = studied
    names = {
        "study.yaml",
        "plan.json",
        "results.json",
        "results.csv",
        "report.html",
        "report.md",
        "report.tex",
        "runs",
    }
    assert names <= {path.name for path in out.iterdir()}
    assert f"{out / 'report.html'}" in printed
    assert "cosine" in printed
    assert "9/9 runs" in printed


def test_results_are_as_other_programs_expect(studied: tuple[Path, str]) -> None:
    results = json.loads((studied[0] / "results.json").read_text())
    assert {"name", "mean", "seeds"} <= results["baseline"].keys()
    fields = {
        "name",
        "workload",
        "phase",
        "comparison",
        "verdict",
        "fragile",
        "accuracy",
        "time_verdict",
        "time",
    }
    for arm in results["arms"]:
        assert fields | {"seeds", "mean", "diverged"} <= arm.keys()
        assert {"effect", "low", "high"} <= arm["accuracy"].keys()
        assert arm["time_verdict"] == "not measured"
        assert arm["accuracy"]["low"] <= arm["accuracy"]["effect"] <= arm["accuracy"]["high"]
    rows = (studied[0] / "results.csv").read_text().splitlines()
    assert len(rows) == 1 + 9


def test_the_same_study_again_gives_the_same_digits(
    studied: tuple[Path, str], tmp_path: Path, machine: Machine
) -> None:
    again = tmp_path / "again"
    trickbag(
        "study",
        "digits_demo",
        "--out",
        again,
        *TINY,
        FACTORS,
        f"machine.cache={machine.cache}",
    )
    first, second = (json.loads((folder / "results.json").read_text()) for folder in (studied[0], again))
    assert [arm["accuracy"] for arm in first["arms"]] == [arm["accuracy"] for arm in second["arms"]]


def test_reading_verbs_need_no_torch(studied: tuple[Path, str], tmp_path: Path) -> None:
    """A `torch` that raises stands first on the path of a process that goes through all of them."""
    (tmp_path / "torch.py").write_text("raise ImportError('torch is not to be imported')\n")
    commands = [
        ["--help"],
        ["list", "tricks"],
        ["list", "recipes"],
        ["show", "trick", "cosine"],
        ["show", "recipe", "cifar10_baseline"],
        *([verb, str(studied[0])] for verb in ("status", "analyze", "report", "plan")),
        ["list", "models"],
    ]
    code = (
        "import json, sys; from typer.testing import CliRunner; from trickbag.cli.main import app\n"
        "done = [CliRunner().invoke(app, words) for words in json.loads(sys.argv[1])]\n"
        "print(json.dumps([[each.exit_code, repr(each.exception)] for each in done]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    *reading, models = json.loads(done.stdout)
    assert [code for code, _ in reading] == [0] * (len(commands) - 1), reading
    assert models == [1, "ImportError('torch is not to be imported')"]


@pytest.mark.parametrize("kind", KINDS)
def test_lists_are_readable_by_machines(kind: str) -> None:
    entries = json.loads(trickbag("list", kind, "--json"))
    assert len({entry["name"] for entry in entries}) == len(entries) > 0


def test_show_prints_card_patch_and_yaml() -> None:
    card = trickbag("show", "trick", "cosine")
    assert "schedule.name: cosine" in card
    assert "Table 6" in card
    assert "name: resnet50" in trickbag("show", "recipe", "imagenet_paper_baseline")
    assert "deep_stem" in trickbag("show", "model", "resnet50")
    assert "drop_path=0.0" in trickbag("show", "model", "torchvision/resnet18")
    assert "padding" in trickbag("show", "augmentation", "pad_crop")
    assert "factors:" in trickbag("show", "study", "digits_demo")
    optimizer = trickbag("show", "optimizer", "adamw")
    assert "weight decay: decoupled" in optimizer
    assert "optimizer.lr x 0.1 to 10" in optimizer


def test_train_prints_a_line_per_epoch_and_continues(tmp_path: Path, machine: Machine) -> None:
    words = [
        "train",
        "digits_baseline",
        "model.channels=[4, 4, 4]",
        "budget.epochs=3",
        f"machine.cache={machine.cache}",
    ]
    printed = trickbag(*words, "--seed", "2", "--out", tmp_path / "run")
    assert re.search(r"^\s+3\s+\d\.\d+", printed, re.MULTILINE)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["seed"], record["status"], len(record["epochs"])) == (2, "done", 3)
    assert f"{record['top1']:.2f} %" in trickbag(*words, "--seed", "2", "--out", tmp_path / "run")
    assert "holds another run" in trickbag(*words, "--seed", "3", "--out", tmp_path / "run", code=2)


def test_one_is_one(studied: tuple[Path, str]) -> None:
    """One epoch in the scope of a report, one comparison in a plan."""
    assert ", 1 epoch, judged on" in (studied[0] / "report.md").read_text()
    assert "; 1 comparison, " in trickbag("plan", "digits_demo", *TINY, "factors=[cosine]")


def test_plan_prints_what_each_arm_changes() -> None:
    printed = trickbag("plan", "digits_demo")
    for word in ("schedule.name", "cosine", "budget.batch_size", "phase teacher: 1 run", "719 validation"):
        assert word in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study", "digits_dem", "--out", "OUT"], "unknown study 'digits_dem'; did you mean 'digits_demo'?"),
        (["study", "no/such.yaml", "--out", "OUT"], "no/such.yaml: cannot be read"),
        (
            ["study", "digits_demo", "--out", "OUT", "budget.epoch=1"],
            "unknown field 'epoch'; did you mean 'epochs'?",
        ),
        (["study", "digits_demo", "--out", "OUT", "epochs"], "a field is set as field=value"),
        (["study", "digits_demo", "--out", "OUT", "seeds=1"], "at least 2 seeds"),
        (["study", "digits_demo", "--out", "OUT", "margin=0"], "margin: input should be greater than 0"),
        (["study", "cifar10_paper", "--out", "OUT", "machine.data_root=/nowhere"], "/nowhere"),
        (["train", "digits_baseline", "--out", "OUT", "model.name=resnet21"], "unknown model 'resnet21'"),
        (
            ["train", "digits_baseline", "--out", "OUT", "loss.distillation.teacher=study"],
            "the study has no teacher",
        ),
        (["train", "digits_baseline", "--out", "OUT", "machine.engine=ray"], "`train` runs here"),
        (["train", "digits_baseline", "--out", "OUT", "devices=2"], "did you mean machine.devices?"),
        (
            ["train", "digits_baseline", "--out", "OUT", "machine.devices=0"],
            "machine.devices: input should be",
        ),
        (
            ["study", "digits_demo", "--out", "OUT", "machine.engine=ray", "machine.ray_address=127.0.0.1:1"],
            "no cluster answers at ",
        ),
        (["run", "OUT"], "no study was planned here"),
        (["status", "OUT"], "no study was planned here"),
        (["report", "OUT"], "results.json: no such file"),
        (["study", "no/such.yaml", "--out", "OUT"], "such.yaml: cannot be read: No such file or directory\n"),
        (["show", "model", "timm/resnt18"], "unknown timm model 'resnt18'; did you mean 'resnet18'?"),
        (["show", "model", "timm/zzzz"], " names, none of them like it\n"),
        (["show", "model", "tim/resnet18"], "unknown model 'tim/resnet18'"),
        (["show", "trick", "nonsense"], "unknown trick 'nonsense'; known: adadelta, "),
        (["list", "trickz"], "unknown kind 'trickz'; did you mean 'tricks'?"),
        (["show", "trick", "cosin"], "unknown trick 'cosin'; did you mean 'cosine'?"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else " ".join(value[:2]),
)
def test_wrong_input_is_one_line_and_exit_code_2(tmp_path: Path, words: list[str], message: str) -> None:
    out = tmp_path / "out"
    error = trickbag(*[str(out) if word == "OUT" else word for word in words], code=2)
    assert message in error
    assert error.startswith("trickbag: ")
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()


def test_a_process_ends_with_the_same_line_and_exit_code() -> None:
    error = trickbag_process("show", "trick", "cosin", code=2)
    assert error == "trickbag: unknown trick 'cosin'; did you mean 'cosine'?\n"


def test_malformed_study_says_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: x\nfactors: [cosine\nmargin: 1\n")
    error = trickbag("study", tmp_path / "bad.yaml", "--out", tmp_path / "out", code=2)
    assert re.search(r"bad.yaml: line \d+, column \d+: malformed YAML", error)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    assert "choose an empty folder" in trickbag("study", "digits_demo", "--out", tmp_path, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_readme_example_runs(tmp_path: Path) -> None:
    """The README's Python, as it stands, at a smaller budget."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert code is not None
    script = tmp_path / "example.py"
    tiny = 'epochs": 1, "data.limit": 100, "model.channels": [4, 4, 4]'
    one = "seeds=3, machine={'workers': 1}"  # starting more would cost more than all the runs
    script.write_text(code[1].replace('epochs": 3', tiny).replace("seeds=3", one))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "one run: " in done.stdout
    assert "label_smoothing" in done.stdout
    assert (tmp_path / "my_study" / "report.html").exists()


def test_public_names_are_importable() -> None:
    import trickbag

    assert all(getattr(trickbag, name) is not None for name in trickbag.__all__)


def test_an_interrupted_command_ends_though_a_thread_of_a_pool_is_stuck():
    script = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from trickbag.cli import main
lock = threading.Lock()
lock.acquire()
ThreadPoolExecutor(1).submit(lock.acquire)
main.PATIENCE = 0.01
main.app = lambda prog_name: sys.exit(130)
main.main()
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=120)
    assert done.returncode == 130


@pytest.mark.parametrize("words", [("show", "trick", "mixup"), ("list", "tricks")])
def test_a_reader_that_leaves_ends_the_command_quietly(words: tuple[str, ...]) -> None:
    """As behind `| head`: 141 is what a shell says of a process that SIGPIPE ended."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        command = [sys.executable, "-m", "trickbag", *words]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (141, b"")
