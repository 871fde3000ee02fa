"""What glibc does with freed memory, on which CPU training hangs more than on any code of ours."""

import ctypes
import sys

# From malloc.h. glibc hands every freed tensor above its threshold back to the kernel, which must then clear
# the pages of the next one: a narrow ResNet-20 then trains at 1/1.5 (batch 128) to 1/1.8 (batch 512) of the
# speed, by benchmarks/freed_memory.py. 32 MiB is the largest threshold that glibc takes.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_SETTINGS = {_M_MMAP_THRESHOLD: 32 << 20, _M_TRIM_THRESHOLD: 1 << 30, _M_TOP_PAD: 64 << 20}


def keep_freed_memory() -> None:
    """Let this process keep what it frees, for the next step; changes no number. Elsewhere than glibc: nothing."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for name, value in _SETTINGS.items():
        mallopt(name, value)
