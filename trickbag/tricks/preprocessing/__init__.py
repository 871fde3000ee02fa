"""Pre-processing that the paper did not use."""

from trickbag.tricks.preprocessing import (
    fix_res,
    progressive_resizing,
    repeated_augmentation,
    test_time_flip,
)

MODULES = (
    repeated_augmentation,
    progressive_resizing,
    fix_res,
    test_time_flip,
)
