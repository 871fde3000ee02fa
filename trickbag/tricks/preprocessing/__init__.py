"""Pre-processing that the paper did not use."""

from trickbag.tricks.preprocessing import (
    alternating_flip,
    augmix,
    auto_augment,
    cutmix,
    cutout,
    fix_res,
    mixup_or_cutmix,
    progressive_resizing,
    rand_augment,
    random_erasing,
    repeated_augmentation,
    resize_mix,
    test_time_flip,
    three_augment,
    trivial_augment,
)

MODULES = (
    auto_augment,
    rand_augment,
    trivial_augment,
    augmix,
    three_augment,
    cutout,
    random_erasing,
    alternating_flip,
    cutmix,
    resize_mix,
    mixup_or_cutmix,
    repeated_augmentation,
    progressive_resizing,
    fix_res,
    test_time_flip,
)
