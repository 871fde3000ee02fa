"""SAM: the gradient at the worst point nearby."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="sam",
    patch={"step.sam": {"rho": 0.05}},
    card=Card(
        summary=(
            "Sharpness-aware minimisation: takes each gradient not at the weights but where the loss is about "
            "highest within a distance rho of them, so that training ends in flat valleys."
        ),
        source="Foret et al. 2020 (arXiv 2010.01412), equations 2 and 3, Algorithm 1",
        claims=(
            Claim(
                "davda54/sam, README",
                "CIFAR-10, WRN-16-8, 200 epochs, label smoothing and cutout: error 3.20 -> 2.86 (computed)",
                0.34,
            ),
            Claim(
                "Composer, SAM, README, on Foret et al. 2020",
                "ImageNet, ResNets: from 0.4 points (ResNet-50, 100 epochs) to 1.9 (ResNet-152, 400 epochs)",
            ),
            Claim(
                "Composer, SAM, README",
                "ImageNet, ResNet-50, 90 epochs, SAM on every tenth step with rho 0.5: 0.7 points",
            ),
        ),
        follows=(
            "Every step, all parameters together, the norm over the whole network; weights return bit for bit. "
            "The second pass normalises by the batch but leaves the running statistics of batch norm alone. "
            "The paper perturbs each accelerator's part of a batch by itself; here it is the whole batch."
        ),
        hurts=(
            "Doubles the time of a step: compare it with a run of twice the epochs. The gain grows with the "
            "length of training, since it works against overfitting; short runs show little. Not with fp16 "
            "(low precision on a GPU): its two passes cannot share a loss scale."
        ),
        cost="Time: two forward and backward passes per step. Memory: one copy of the weights.",
        suggests=(("sam",), ("sam", "long_schedule")),
    ),
    space={"step.sam.rho": (0.25, 4)},
)
