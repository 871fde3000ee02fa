"""Linear scaling: the learning rate in proportion to the batch size."""

from trickbag.recipe import Card, Claim, Patch, Recipe, Trick


def _patch(recipe: Recipe) -> Patch:
    """lr x b / reference_batch (He et al. 2018, Section 3.1: 0.1 x b / 256)."""
    optimizer = recipe.optimizer
    return {"optimizer.lr": optimizer.lr * recipe.budget.batch_size / optimizer.reference_batch}


TRICK = Trick(
    name="linear_scaling",
    patch=_patch,
    card=Card(
        summary=(
            "Multiplies the learning rate by the batch size over the batch size for which it was stated "
            "(`optimizer.reference_batch`), because a larger batch has a less noisy gradient."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 3.1, Table 4; after Goyal et al. 2017",
        claims=(
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 1024: 75.17 with it; the table has no row without it, so no "
                "effect can be read off",
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 8k, scaled linearly or not at all: error 41.67 -> 23.74 (computed)",
                17.93,
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 8k, scaled by the square root or linearly: error 26.22 -> 23.74 (computed)",
                2.48,
            ),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single runs",
                "CUB-200-2011, VGG16, together with the larger batch (64 to 256): accuracy 71.20 -> 71.21 "
                "(computed)",
                0.01,
            ),
        ),
        follows="Paper and released code agree (lr 0.4 at batch 1024).",
        hurts=(
            "A rule for SGD; for adaptive optimizers the paper shows nothing. Without warmup the large "
            "initial rate can diverge or cost accuracy (Table 4: warmup is worth +0.76 at batch 1024)."
        ),
        cost="None.",
        requires=("large_batch",),
        suggests=(("large_batch", "linear_scaling"), ("large_batch", "linear_scaling", "warmup")),
    ),
)
