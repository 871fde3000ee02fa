"""A lower weight decay, for strongly regularised training."""

from trickbag.recipe import Card, Claim, Patch, Recipe, Trick

FACTOR = 0.4  # 1e-4 -> 4e-5, the step of ResNet-RS


def _patch(recipe: Recipe) -> Patch:
    """weight_decay x 0.4 (Bello et al. 2021: 1e-4 -> 4e-5)."""
    return {"optimizer.weight_decay": recipe.optimizer.weight_decay * FACTOR}


TRICK = Trick(
    name="lower_weight_decay",
    patch=_patch,
    card=Card(
        summary=(
            "Multiplies the weight decay by 0.4. Regularisers add up, so a recipe that has gained others "
            "(augmentation, label smoothing, dropout) may want less of this one."
        ),
        source="Bello et al. 2021, Revisiting ResNets (arXiv 2103.07579), Section 5",
        claims=(
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, on six regularisers: top-1 80.7 -> 82.2",
                1.5,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand), held-out split",
                "ImageNet, ResNet-50, no other regulariser: top-1 79.7 -> 78.7",
                -1.0,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand), held-out split",
                "ImageNet, ResNet-50, with RandAugment, label smoothing and dropout: top-1 82.2 -> 82.7",
                0.5,
            ),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, to 2e-5 and none on normalisation: top-1 79.510 -> 80.036",
                0.526,
            ),
        ),
        follows="The factor of ResNet-RS. torchvision goes further, to a fifth, and exempts normalisation.",
        hurts="Without other regularisers it costs accuracy: see the second claim.",
        cost="None.",
        suggests=(("lower_weight_decay",), ("lower_weight_decay", "label_smoothing")),
    ),
)
