"""Polynomial decay of the learning rate."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="polynomial_decay",
    patch={"schedule.name": "polynomial"},
    card=Card(
        summary=(
            "Lets the learning rate fall as (1 - t/T)^2: fast at first and flat towards zero. The "
            "power says how much of the training goes to small rates."
        ),
        source="You, Gitman and Ginsburg 2017, LARS (arXiv 1708.03888), Section 5: power 2",
        claims=(
            Claim(
                "You et al. 2017, LARS (arXiv 1708.03888; from memory)",
                "ImageNet, AlexNet and ResNet-50 with large batches: all runs use polynomial decay with power"
                " 2, and none is compared with another schedule",
            ),
        ),
        follows=(
            "Power 2 as in large-batch training; segmentation uses 0.9, timm's default is 0.5, "
            "torch's 1 (a line). With a warmup it spans the steps that remain."
        ),
        hurts=(
            "Its mean rate is a third of the peak, that of cosine a half: at the same peak it moves"
            " the weights less, which costs accuracy in short runs. Read it together with a larger "
            "`optimizer.lr`, or tune."
        ),
        cost="None; one exponent, if one wants to tune it.",
        suggests=(
            ("polynomial_decay",),
            ("warmup", "polynomial_decay"),
            ("large_batch", "linear_scaling", "warmup", "polynomial_decay"),
        ),
    ),
)
