"""Several processes train one run: their numbers are those of one process, and theirs alike to the last bit."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.world_ranks import (
    BROKEN,
    NORMED,
    PLAIN,
    evaluated,
    held,
    recipe_named,
    recipe_of,
    session_of,
    trained,
)
from trickbag.errors import InputError
from trickbag.recipe import Machine, apply
from trickbag.train import Watch, load_checkpoint, resolve, train
from trickbag.train.shares import check_shares
from trickbag.train.world import World

QUICK = ["sgd", "whole batch"]
SLOW = [name for name in (*PLAIN, *NORMED, "bf16") if name not in QUICK]
Found = Mapping[tuple[int, int], dict[str, Any]]  # (size, rank) → what that process held


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights that are given to all worlds, of a run in this process."""
    path = tmp_path_factory.mktemp("world")
    run = session_of(apply(recipe_of({}), {"optimizer.lr": 0.05}), path)
    train(run)
    torch.save(run.model.state_dict(), path / "given.pt")
    return path


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    """What the processes of worlds of two and of three held, in the cases that the quick tests need."""
    return run_worlds(folder, {2: ["evaluated", "interrupted", *QUICK], 3: ["evaluated"]})


@pytest.fixture(scope="module")
def found_slowly(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What they held in the other cases."""
    return run_worlds(
        tmp_path_factory.mktemp("worlds"),
        {
            2: [*SLOW, "stopped_evaluating"],
            3: ["mixed in parts", "interrupted_in_parts", "stopped_evaluating"],
        },
    )


def run_worlds(folder: Path, cases: Mapping[int, list[str]]) -> Found:
    """Do cases (size of the world → their names) in processes of their own; what each of them held."""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.world_ranks", str(folder), json.dumps(cases)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Warning" not in done.stderr
    return {
        (size, rank): torch.load(folder / f"found-{size}-{rank}.pt", weights_only=True)
        for size in cases
        for rank in range(size)
    }


def differences(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """Names of what is not the same to the last bit."""
    assert mine.keys() == theirs.keys()
    return [name for name in mine if not torch.equal(mine[name], theirs[name])]


def check_two_are_one(found: Found, folder: Path, name: str) -> None:
    """The same global batch, 30 steps: the weights, statistics, averages and losses of one process, to 1e-5."""
    recipe = recipe_named(name)
    start, alone = session_of(recipe, folder).model.state_dict(), trained(recipe, folder)["held"]
    assert (
        max(float((alone[key] - start[key]).abs().max()) for key in start) > 1e-3
    )  # of which 1 % is too much
    for key, value in alone.items():
        torch.testing.assert_close(
            found[2, 0][name]["held"][key], value, rtol=1e-5, atol=1e-5, msg=lambda m, key=key: f"{key}: {m}"
        )


def check_same_bits(found: Found, name: str) -> None:
    """Two processes hold the very same."""
    first, second = found[2, 0][name], found[2, 1][name]
    assert not differences(first["held"], second["held"])
    assert torch.equal(first["top1"], second["top1"])
    assert all(value.isfinite().all() for value in first["held"].values())


@pytest.mark.parametrize("name", QUICK)
def test_two_processes_are_one(found: Found, folder: Path, name: str) -> None:
    check_two_are_one(found, folder, name)


@pytest.mark.parametrize("name", QUICK)
def test_two_processes_hold_the_same_bits(found: Found, name: str) -> None:
    check_same_bits(found, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SLOW if name != "bf16"])
def test_two_processes_are_one_in_other_cases(found_slowly: Found, folder: Path, name: str) -> None:
    check_two_are_one(found_slowly, folder, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_two_processes_hold_the_same_bits_in_other_cases(found_slowly: Found, name: str) -> None:
    check_same_bits(found_slowly, name)


@pytest.mark.slow
def test_three_processes_are_one(found_slowly: Found, folder: Path) -> None:
    alone = trained(recipe_named("mixed in parts"), folder)["held"]
    for key, value in alone.items():
        torch.testing.assert_close(
            found_slowly[3, 0]["mixed in parts"]["held"][key], value, rtol=1e-5, atol=1e-5
        )


def test_evaluation_has_the_same_bits_in_any_world(found: Found, folder: Path) -> None:
    alone = evaluated(folder)
    assert 0.2 < alone["top1"].float().mean() < 1  # given weights that know something, and not all
    for there in found.values():
        assert not differences(alone, there["evaluated"])


def check_interrupted(found: Found, size: int, name: str, stops: list[int]) -> None:
    """Stopped after so many steps, by one of all processes, a run does none twice and ends with the same bits."""
    statuses = [*(("interrupted", step) for step in stops), ("done", 20)]
    for rank in range(size):
        there = found[size, rank][name]
        assert there["statuses"] == statuses
        assert there["resumed"] == len(stops)
        assert there["steps"] == list(range(1, 21))
        assert not differences(there["whole"], there["pieces"])
        assert not differences(there["whole"], found[size, 0][name]["whole"])


def test_a_stop_of_one_process_stops_all_and_the_run_goes_on_bit_for_bit(found: Found) -> None:
    check_interrupted(found, 2, "interrupted", [7, 13])


@pytest.mark.slow
def test_a_stop_of_one_in_three_stops_all(found_slowly: Found) -> None:
    check_interrupted(found_slowly, 3, "interrupted_in_parts", [7, 13])


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_a_stop_during_evaluation_stops_all_and_nothing_is_lost(found_slowly: Found, size: int) -> None:
    """Of three processes one has no batch of the validation images, and two none of the test images."""
    check_interrupted(found_slowly, size, "stopped_evaluating", [10, 10, 20])


def test_the_first_process_alone_keeps_the_weights(found: Found, folder: Path) -> None:
    assert [path.name for path in folder.glob("kept-*")] == ["kept-2-0.safetensors"]


def test_a_checkpoint_of_other_devices_is_refused_unless_an_amendment_says_so(
    found: Found, folder: Path
) -> None:
    path, run = folder / "checkpoint-2.pt", session_of(recipe_of(BROKEN), folder)
    with pytest.raises(InputError, match=r"of a run on 2 devices, not on 1: .*machine\.devices=2"):
        load_checkpoint(run, path)
    assert run.step == 0
    assert train(run, Watch(path, other_devices=True)).status == "done"
    theirs = found[2, 0]["interrupted"]["whole"]["losses"]
    # Only what is left of the last epoch was trained in this process; and its dropout draws are others.
    torch.testing.assert_close(held(run)["losses"][:1], theirs[:1], rtol=0, atol=0)


def test_shards() -> None:
    """Written down by hand: 12 images in two parts on three devices, two at a time."""
    shards = [World(rank, 3).shard(torch.arange(12), parts=2).tolist() for rank in range(3)]
    assert shards == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]
    assert World().shard(torch.arange(5), parts=2).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("patch", "devices", "message"),
    [
        ({}, 5, r"budget\.batch_size: 24 images .* 5 devices .*use 20 or 25"),
        ({}, 32, r"budget\.batch_size: 24 images .* 32 devices .*use 32"),
        (
            {"step.accumulate": {"parts": 5}},
            2,
            r"step\.accumulate\.parts: 12 images .*use 1, 2, 3, 4, 6 or 12",
        ),
        (
            {"budget.batch_norm_images": 5},
            2,
            r"batch_norm_images: the 12 images .*use 2, 3, 4, 6, 12 or null",
        ),
        ({"budget.batch_norm_images": 5}, 1, r"batch_norm_images: the 24 images .* 12, 24 or null"),
        ({"budget.batch_norm_images": 2}, 24, r"batch_norm_images: the 1 images .*use null"),
        (
            {"budget.batch_norm_images": 12, "step.accumulate": {"parts": 4}},
            1,
            r"batch_norm_images: the 6 images",
        ),
        ({"budget.batch_norm_images": 2, "step.accumulate": {"parts": 5}}, 1, r"parts: 24 images"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(
    machine: Machine, patch: dict[str, object], devices: int, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        resolve(recipe_of(patch), machine.model_copy(update={"devices": devices}))
    assert "\n" not in str(error.value)


def test_what_can_be_shared_out_is_not() -> None:
    check_shares(
        apply(recipe_of({}), {"step.accumulate": {"parts": 5}}), 1
    )  # unequal parts, as ever in one process
    check_shares(apply(recipe_of({}), {"step.accumulate": {"parts": 2}, "budget.batch_norm_images": 3}), 4)
