"""ResizeMix: all of one image, made smaller, pasted into another."""

from trickbag.recipe import Card, Claim, Trick

_OPENMIXUP = "openmixup, ImageNet benchmark, median of the last epochs"

TRICK = Trick(
    name="resize_mix",
    patch={"batch.resize_mix": {"scale": [0.1, 0.8]}},
    card=Card(
        summary=(
            "Pastes all of another image, made smaller, into every training image and mixes the targets by the "
            "areas. Unlike CutMix's box, what is pasted always holds the object that the target names."
        ),
        source="Qin et al. 2020 (arXiv 2012.11101)",
        claims=(
            Claim(_OPENMIXUP, "ResNet-18, 300 epochs: top-1 71.83 -> 71.32 (computed)", -0.51),
            Claim(_OPENMIXUP, "ResNet-50, 100 epochs: top-1 76.83 -> 77.42 (computed)", 0.59),
            Claim(_OPENMIXUP, "ResNet-50, 300 epochs: top-1 77.35 -> 78.91 (computed)", 1.56),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-10, ResNet-18, 200 epochs: accuracy 94.87 -> 96.16 (computed)",
                1.29,
            ),
            Claim(
                "openmixup, CIFAR benchmark, median of the last epochs",
                "CIFAR-100, ResNet-18, 200 epochs: accuracy 76.42 -> 79.56 (computed)",
                3.14,
            ),
        ),
        follows=(
            "Sides by a uniform share of 0.1 to 0.8, as openmixup has them from the paper; but the patch always lies "
            "within the image and is resized with antialiasing, where openmixup cuts it at the edges and takes "
            "nearest neighbours. One patch per batch, the partner by rolling."
        ),
        hurts=(
            "ResNet-18 loses on ImageNet: small networks have no capacity to spare. On images of 32 pixels a small "
            "patch holds a handful of pixels. Training accuracy no longer reads as one."
        ),
        cost="One resize of the batch per step; wants a long schedule.",
        conflicts=("mixup", "cutmix", "mixup_or_cutmix"),
        suggests=(("resize_mix",), ("resize_mix", "long_schedule")),
    ),
)
