"""TrivialAugment: one random operation at a random strength."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="trivial_augment",
    patch={"sample.trivial_augment": {"bins": 31}},
    card=Card(
        summary=(
            "Changes every training image by one operation, drawn uniformly from 14 (shear, shift, turn, "
            "colour, contrast …), at a strength drawn uniformly too. Nothing to tune, nothing to search."
        ),
        source="Müller and Hutter 2021 (arXiv 2103.10158), Section 3; the wide augmentation space",
        claims=(
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 90 epochs, batch 1024, cosine: top-1 76.494 -> 76.806",
                0.312,
            ),
            Claim(
                "torchvision blog",
                "ImageNet, ResNet-50: the gain of 600 epochs over 90 is called overstated, since it only pays "
                "together with augmentation",
            ),
        ),
        follows=(
            "torchvision's TrivialAugmentWide, magnitudes and all, with nearest neighbours as its class has by "
            "default (its training reference asks for bilinear: `interpolation`). The paper puts Cutout of 16 "
            "pixels on top for CIFAR; here that is a trick of its own."
        ),
        hurts=(
            "Short schedules, which have no capacity to spare for harder images; images whose class changes when "
            "they are turned or inverted (digits, letters, medical grey levels)."
        ),
        cost="On the device and batched, some 10 to 30 µs of one CPU core per CIFAR image.",
        conflicts=("auto_augment", "rand_augment", "augmix", "three_augment"),
        suggests=(("trivial_augment",), ("trivial_augment", "cutout")),
    ),
)
