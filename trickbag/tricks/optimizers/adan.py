"""Adan: adaptive Nesterov momentum with the difference of gradients."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="adan",
    patch={"optimizer.name": "adan", "optimizer.lr": 0.01, "optimizer.weight_decay": 0.02},
    card=Card(
        summary=(
            "Averages the gradient, its change from step to step and the square of their sum: Nesterov's look "
            "ahead without a second gradient, with Adam's rate for each weight."
        ),
        source="Xie et al. 2022 (arXiv 2208.06677), Algorithm 1",
        claims=(
            Claim(
                "sail-sg/Adan, README",
                "ImageNet, ResNet-50, training setting of ResNet strikes back, batch 2048: 78.1 % in 100 "
                "epochs, 79.7 % in 200, 80.2 % in 300; no baseline beside it",
            ),
        ),
        follows=(
            "timm's: betas 0.98, 0.92 and 0.99 (the paper counts one minus these), no restarts, weight decay "
            "decoupled in the proximal form, weights divided by 1 + lr x weight_decay. The authors use 5 to 10 "
            "times AdamW's rate and weight decay 0.02 throughout."
        ),
        hurts=(
            "On images it prefers large batches, as its authors say (2048 in their paper). Ten times AdamW's "
            "rate without a warmup can diverge at the start."
        ),
        cost="Four numbers per weight, the last gradient among them. Rate must be found anew.",
        suggests=(("adan",), ("adan", "warmup")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
