"""Preparing that is killed, interrupted, raced and starved: it always completes to the same bytes."""

import errno
import os
import random
import signal
import sys
import time
import traceback
import warnings
from functools import partial

import numpy as np
import pytest
from photo_folder import photo_folder
from test_data_cifar import official10  # noqa: F401
from test_prepare import files, made, no_download

from trickbag.data.encoded import Files
from trickbag.data.prepare import Reencoding, Request, flat, prepare
from trickbag.data.prepare.target import held
from trickbag.data.threads import available_cores
from trickbag.errors import InputError

KILLS = 25


def forked(work):
    """Run `work` in a process of its own, forked from this one; its id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, from Python 3.12 on
        process = os.fork()
    if process:
        return process
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def killed(process):
    """Wait for a process; whether it was killed, else it must have succeeded."""
    status = os.waitpid(process, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def check_killed_at_random(request, tmp_path, kills):
    """Kill preparations at random moments until so many were hit; bytes, and where they were hit."""
    start = time.perf_counter()
    killed(forked(partial(made, request, tmp_path / "whole")))
    duration = time.perf_counter() - start
    expected, moments = files(tmp_path / "whole"), random.Random(0)
    left, target = [], 0
    while len(left) < kills:
        target += 1
        home = tmp_path / f"form{target}"
        process = forked(partial(made, request, home))
        time.sleep(moments.uniform(0, duration))
        os.kill(process, signal.SIGKILL)
        while killed(process):
            left.append(set(os.listdir(home)) if home.exists() else set())
            process = forked(partial(made, request, home))
            if len(left) < kills:
                time.sleep(moments.uniform(0, duration))
                os.kill(process, signal.SIGKILL)
        assert files(home) == expected
    return left


def test_killed_at_random_moments_it_completes_to_the_same_bytes(tmp_path, monkeypatch):
    photos = photo_folder(tmp_path / "photos", 50)
    monkeypatch.setattr(flat, "CHUNK_BYTES", 10_000)
    left = check_killed_at_random(Request.of("folder", photos), tmp_path, KILLS)
    assert sum("train.facts" in names for names in left) > KILLS // 5  # hit while it was copying


@pytest.mark.slow
def test_killed_while_re_encoding_it_completes_to_the_same_bytes(tmp_path, monkeypatch):
    photos = photo_folder(tmp_path / "photos", 60, sides=(200, 300))
    monkeypatch.setattr(flat, "CHUNK_BYTES", 20_000)
    request = Request.of("folder", photos, {}, Reencoding(64))
    left = check_killed_at_random(request, tmp_path, KILLS)
    assert sum("train.facts" in names for names in left) > KILLS // 2


CHANGING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}


def dying(home, number, work):
    """`work`, in a process that dies before it changes a file or folder of `home` for the given time."""
    seen = 0

    def watch(event, args):
        nonlocal seen
        writing = event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (event in CHANGING or writing) and str(args[0]).startswith(str(home)):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    work()


def test_killed_before_any_change_of_a_file_it_completes_to_the_same_bytes(tmp_path):
    check_killed_everywhere(Request.of("folder", photo_folder(tmp_path / "photos", 2)), tmp_path)


def test_arrays_killed_before_any_change_of_a_file_complete_to_the_same_bytes(official10, tmp_path):  # noqa: F811
    check_killed_everywhere(Request.of("cifar10", official10 / "cifar-10-python.tar.gz"), tmp_path)


def check_killed_everywhere(request, tmp_path):
    """Kill a preparation before its first change of a file, another before its second, and so on to the last."""
    made(request, tmp_path / "whole")
    expected = files(tmp_path / "whole")
    for number in range(1, 1000):
        home = tmp_path / f"form{number}"
        if not killed(forked(partial(dying, home, number, partial(made, request, home)))):
            break
        _, said = made(request, home)
        assert not said
        assert files(home) == expected
    assert files(home) == expected
    assert number > 10


def interrupted(request, home, at):
    """Prepare until the given image of the first part is done, and then be interrupted."""

    def tell(progress):
        if progress.done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(request, home, tell=tell)


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    """A request, a folder in which it was interrupted at image 10 of 24, and what it leads to."""
    monkeypatch.setattr(flat, "_TELL_SECONDS", 0)
    request = Request.of("folder", photo_folder(tmp_path / "photos", 12))
    made(request, tmp_path / "whole")
    interrupted(request, tmp_path / "form", at=10)
    assert os.path.getsize(tmp_path / "form" / "train.facts") == 10 * flat.FACTS.itemsize
    return request, tmp_path / "form", files(tmp_path / "whole")


def test_what_is_done_is_not_done_again(attempt, monkeypatch):
    request, home, expected = attempt
    read, original = [], Files.read
    monkeypatch.setattr(Files, "read", lambda self, i: read.append(i) or original(self, i))
    made(request, home)
    assert sorted(read) == sorted([*range(10, 24), *range(12)])
    assert files(home) == expected


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


LEFT = {
    "more bytes than were noted": lambda home: append(home / "train.bin", b"half an image"),
    "half a note": lambda home: append(home / "train.facts", b"half a note"),
    "zeros for notes": lambda home: append(home / "train.facts", bytes(3 * flat.FACTS.itemsize)),
    "notes of what was never written": lambda home: os.truncate(home / "train.bin", 2000),
    "a last image that is not what was noted": lambda home: flip(home / "train.bin"),
    "no notes": lambda home: (home / "train.facts").unlink(),
    "no images": lambda home: (home / "train.bin").unlink(),
}


@pytest.mark.parametrize("damage", sorted(LEFT))
def test_whatever_a_power_failure_leaves_is_mended(attempt, damage):
    request, home, expected = attempt
    LEFT[damage](home)
    made(request, home)
    assert files(home) == expected


def test_a_source_that_changed_meanwhile_is_copied_from_the_start(attempt, tmp_path):
    request, home, _ = attempt
    first = next((request.root / "train").rglob("000.jpg"))
    first.write_bytes((request.root / "test" / "dog" / "001.jpg").read_bytes())
    _, said = made(request, home)
    assert [line for line in said if "has changed since the last attempt; starting over" in line] == said
    made(request, tmp_path / "fresh")
    assert files(home) == files(tmp_path / "fresh")


def test_an_attempt_of_something_else_is_left_as_it_is(attempt, tmp_path):
    request, home, _ = attempt
    before = files(home)
    for other in (
        Request.of("folder", request.root, {}, Reencoding(16)),
        Request.of("imagenet", request.root),
        Request.of("folder", photo_folder(tmp_path / "others", 2)),
    ):
        with pytest.raises(InputError, match=r"holds folder from .* choose another folder with --to"):
            made(other, home)
    assert files(home) == before


def test_an_unreadable_source_file_is_named_and_later_read(attempt, monkeypatch):
    request, home, expected = attempt
    original = Files.read

    def broken(self, i):
        if self.names[i] == "dog/003.jpg":
            raise OSError(errno.EIO, "Input/output error")
        return original(self, i)

    monkeypatch.setattr(Files, "read", broken)
    with pytest.raises(InputError, match=r"train/dog/003.jpg: cannot be read: Input/output error"):
        made(request, home)
    assert os.path.getsize(home / "train.facts") == 15 * flat.FACTS.itemsize
    monkeypatch.setattr(Files, "read", original)
    made(request, home)
    assert files(home) == expected


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(attempt, monkeypatch):
    request, home, expected = attempt
    monkeypatch.setattr(flat, "CHUNK_BYTES", 5_000)
    wait, left = os.fsync, [3]

    def full(file):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        wait(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"form: the disk is full; free some of it"):
        made(request, home)
    monkeypatch.setattr(os, "fsync", wait)
    made(request, home)
    assert files(home) == expected


def test_several_at_once_make_one_form(tmp_path):
    request = Request.of("folder", photo_folder(tmp_path / "photos", 30))
    made(request, tmp_path / "whole")
    processes = [forked(partial(made, request, tmp_path / "form")) for _ in range(4)]
    assert [killed(process) for process in processes] == [False] * 4
    assert files(tmp_path / "form") == files(tmp_path / "whole")


def test_who_comes_second_says_for_whom_it_waits(tmp_path):
    request, said = Request.of("folder", photo_folder(tmp_path / "photos", 4)), []
    (ready, tell_ready), (go, tell_go) = os.pipe(), os.pipe()

    def first():
        with held(tmp_path / "form", print):
            os.write(tell_ready, b"x")
            os.read(go, 1)

    def say(text):
        said.append(text)
        os.write(tell_go, b"x")

    process = forked(first)
    os.read(ready, 1)
    prepare(request, tmp_path / "form", tmp_path, fetch=no_download, say=say)
    assert said == [f"{tmp_path / 'form'}: being prepared by process {process}; waiting for it"]
    assert not killed(process)


def test_results_come_in_order_a_bounded_number_ahead():
    started = []
    work = flat.in_order(lambda i: started.append(i) or i * i, range(1000))
    results = []
    for result in work:
        results.append(result)
        assert len(started) - len(results) <= flat._AHEAD * available_cores()
    assert np.array_equal(results, np.arange(1000) ** 2)
