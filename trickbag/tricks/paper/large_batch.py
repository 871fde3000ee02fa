"""Large batch: four times the images per step."""

from trickbag.recipe import Card, Claim, Patch, Recipe, Trick


def _patch(recipe: Recipe) -> Patch:
    """Four times the batch size: the paper's 256 becomes 1024."""
    return {"budget.batch_size": 4 * recipe.budget.batch_size}


TRICK = Trick(
    name="large_batch",
    patch=_patch,
    card=Card(
        summary=(
            "Four times as many images per optimizer step. It is there for speed: by itself it takes a "
            "quarter of the steps and usually costs accuracy, which linear scaling, warmup and zero gamma "
            "win back."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 3.1, Tables 3 and 4",
        claims=(
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 256 to 1024 with linear scaling: top-1 75.87 -> 75.17 (computed; "
                "the paper's text says 0.9)",
                -0.70,
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 256 to 8k, learning rate not scaled: error 23.60 -> 41.67 (computed)",
                -18.07,
            ),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single runs",
                "CUB-200-2011, VGG16, batch 64 to 256 with linear scaling: accuracy 71.20 -> 71.21 "
                "(computed)",
                0.01,
            ),
        ),
        follows=(
            "Paper and released code agree on 1024 images on 8 GPUs; we multiply the recipe's own batch by 4. Batch "
            "norm: on several GPUs the paper's code, as Goyal et al. (32 images per GPU, whatever the batch), takes "
            "the statistics of each GPU alone. Here they are those of the whole batch, however many devices share "
            "it, unless budget.batch_norm_images says of how many images: with the trick's batch the normalisation "
            "grows too."
        ),
        hurts=(
            "Alone, with the learning rate as it was, it undertrains (Goyal et al.: 41.67 % error at 8k). On "
            "small data few steps per epoch are left, and no accuracy is to be expected from it anywhere."
        ),
        cost=(
            "About four times the activation memory. Saves time only where a batch did not fill the device: "
            "the paper's 13.3 to 4.4 minutes per epoch (Table 3, 8 V100) include FP16. Often no saving on "
            "CPU."
        ),
        suggests=(("large_batch", "linear_scaling"), ("large_batch", "linear_scaling", "warmup")),
    ),
)
