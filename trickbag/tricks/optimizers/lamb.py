"""LAMB: Adam with a step length for each layer."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="lamb",
    patch={"optimizer.name": "lamb", "optimizer.lr": 0.002, "optimizer.weight_decay": 0.02},
    card=Card(
        summary=(
            "Adam's direction, weight decay included, made as long in every layer as lr times the layer's "
            "weights: large batches and rates do not tear single layers apart."
        ),
        source="You et al. 2019 (arXiv 1904.00962), Algorithm 2",
        claims=(
            Claim(
                "mgrankin/over9000, README, mean of 20 runs",
                "Imagenette, 128 pixels, 5 epochs, one-cycle, Adam to LAMB: accuracy 84.93 -> 84.00 (computed)",
                -0.93,
            ),
            Claim(
                "Wightman et al. 2021 (arXiv 2110.00476)",
                "ImageNet, ResNet-50: the optimizer of the A1, A2 and A3 recipes (80.4, 79.8 and 78.1 %), with "
                "binary cross-entropy; not an effect of LAMB alone",
            ),
        ),
        follows=(
            "timm's, without its clipping of the whole gradient, which Algorithm 2 does not have. Weight decay "
            "is added to the layer's direction before its length is set. Parameters without weight decay (no "
            "bias decay) take plain Adam steps. Rate: 0.005 at batch 2048 (ResNet strikes back), scaled by "
            "the root of the batch to 256."
        ),
        hurts=(
            "Made for batches of thousands; at a batch of 128 or 256 there is little for it to repair. A "
            "layer whose weights are zero (zero gamma) starts with plain Adam steps."
        ),
        cost="Two numbers per weight and two norms per layer. Rate and weight decay must be found anew.",
        suggests=(("lamb",), ("lamb", "no_bias_decay"), ("large_batch", "lamb")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
