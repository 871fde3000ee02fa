"""Long schedule: the paper's longer training for mixup, as a switch of its own."""

from trickbag.recipe import Card, Claim, Patch, Recipe, Trick

_OPENMIXUP = "openmixup, ImageNet benchmark, median of the last epochs"


def _patch(recipe: Recipe) -> Patch:
    """200/120 of the epochs, rounded."""
    return {"budget.epochs": round(recipe.budget.epochs * 200 / 120)}


TRICK = Trick(
    name="long_schedule",
    patch=_patch,
    card=Card(
        summary=(
            "Trains for 200/120 of the epochs. The paper does so silently together with mixup; here it is a "
            "trick of its own, so that the gain of mixup and the gain of longer training can be told apart."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 5.4: 120 to 200 epochs for mixup",
        claims=(
            Claim(
                "He et al. 2018, Table 6", "no 200-epoch run without mixup is printed: the effect is unknown"
            ),
            Claim(_OPENMIXUP, "ResNet-18, 100 to 300 epochs: top-1 70.04 -> 71.83 (computed)", 1.79),
            Claim(_OPENMIXUP, "ResNet-34, 100 to 300 epochs: top-1 73.85 -> 75.29 (computed)", 1.44),
            Claim(_OPENMIXUP, "ResNet-50, 100 to 300 epochs: top-1 76.83 -> 77.35 (computed)", 0.52),
            Claim(_OPENMIXUP, "ResNet-101, 100 to 300 epochs: top-1 78.18 -> 78.91 (computed)", 0.73),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, more epochs without regularisers: top-1 79.3 -> 78.8",
                -0.5,
            ),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50 with TrivialAugment, to 600 epochs: top-1 76.806 -> 78.606",
                1.800,
            ),
        ),
        follows="Paper and released code agree on 200 epochs for mixup.",
        hurts=(
            "Large networks without regularisation overfit (ResNet-RS: -0.5 on ResNet-200); torchvision "
            "calls its own gain overstated, since it pays only together with augmentation. Milestones "
            "written in epochs stay where they are: write them in percent."
        ),
        cost="1.67 times the training time. Any arm with it should be read against that price.",
        suggests=(("long_schedule",), ("mixup", "long_schedule")),
    ),
)
