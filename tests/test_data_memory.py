"""Free memory, from files laid out as the kernel's documentation of control groups, version 1 and 2, has them."""

import os
import sys
from pathlib import Path

import pytest

from trickbag.data.opening.memory import available_memory

GIB = 2**30
FREE = 50 * GIB


def machine(home, groups):
    """A /proc of a machine with 50 GiB free, and this process in control groups."""
    (home / "proc/self").mkdir(parents=True)
    (home / "proc/meminfo").write_text(
        f"MemTotal:       99999999 kB\nMemAvailable:   {FREE // 1024} kB\nHugePages_Total:       0\n"
    )
    (home / "proc/self/cgroup").write_text(groups)
    return home / "proc", home / "cgroup"


def group(folder, names, *numbers):
    """A control group: its limit, its use, and what of that is file cache that nobody uses."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, number in zip(names[:2], numbers, strict=False):
        (folder / name).write_text(f"{number}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {numbers[2]}\nactive_file 7\n")


V2 = ("memory.max", "memory.current", "inactive_file")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.mark.parametrize(
    ("place", "limits", "left"),
    [
        ("/", {".": (8 * GIB, 5 * GIB, GIB)}, 4 * GIB),  # as in a container with a namespace of its own
        ("/a/b", {"a/b": ("max", 5 * GIB, 0), "a": (8 * GIB, 5 * GIB, 0)}, 3 * GIB),  # a batch system's job
        ("/a/b", {"a/b": (6 * GIB, 5 * GIB, 0), "a": (8 * GIB, 5 * GIB, 0)}, GIB),
        ("/a", {"a": (100 * GIB, 5 * GIB, 0)}, FREE),
        ("/a", {"a": (GIB, 2 * GIB, 0)}, 0),
        ("/../../outside", {".": (2 * GIB, GIB, 0)}, GIB),
        ("/nowhere", {}, FREE),
    ],
)
def test_a_limit_of_version_2_counts_and_dropped_caches_do_not(tmp_path, place, limits, left):
    proc, groups = machine(tmp_path, f"0::{place}\n")
    for name, numbers in limits.items():
        group(groups / name, V2, *numbers)
    assert available_memory(proc, groups) == left


def test_a_limit_of_version_1_counts(tmp_path):
    proc, groups = machine(tmp_path, "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/x\n0::/\n")
    group(groups / "memory", V1, 2**63 - 4096, 60 * GIB, 0)  # the kernel's number for no limit
    assert available_memory(proc, groups) == FREE
    group(groups / "memory/docker/abc", V1, 4 * GIB, 3 * GIB, 2 * GIB)
    assert available_memory(proc, groups) == 3 * GIB


def test_without_proc_there_is_no_limit(tmp_path):
    assert available_memory(tmp_path, tmp_path) == sys.maxsize


def test_this_machine_has_no_more_than_its_pages():
    if not Path("/proc/meminfo").exists():
        pytest.skip("needs Linux")
    assert 0 < available_memory() < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
