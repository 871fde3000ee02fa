"""Lookahead: k steps forward, one step back."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="lookahead",
    patch={"step.lookahead": {"k": 6, "alpha": 0.5}},
    card=Card(
        summary=(
            "Keeps slow weights beside the trained ones: after every k steps they move half of the way to the "
            "trained weights, which then go on from there. Less variance, around any optimizer."
        ),
        source="Zhang et al. 2019 (arXiv 1907.08610), Algorithm 1",
        claims=(
            Claim(
                "mgrankin/over9000, README, mean of 20 runs",
                "Imagenette, 128 pixels, 5 epochs, one-cycle, Adam to Lookahead: accuracy 84.93 -> 85.78 "
                "(computed)",
                0.85,
            ),
            Claim(
                "mgrankin/over9000, README, mean of 20 runs",
                "Imagewoof, 128 pixels, 5 epochs, one-cycle, Adam to Lookahead: accuracy 61.25 -> 61.06 "
                "(computed)",
                -0.19,
            ),
        ),
        follows=(
            "The slow weights begin as the initial weights (in timm's class at its first sync). The optimizer's "
            "momentum is kept across a sync. k 6 and alpha 0.5 as in timm; the paper's CIFAR runs use k 5 and "
            "alpha 0.8. Evaluated are the trained weights, which a sync makes equal to the slow ones."
        ),
        hurts=(
            "Halves the way of every k steps, so that a short run with a small rate gets less far. A rate that "
            "falls to zero and EMA remove the same noise."
        ),
        cost="One more copy of the weights, and a pass over them every k steps.",
        suggests=(("lookahead",), ("lookahead", "radam")),
    ),
    space={"step.lookahead.k": (0.5, 4)},
)
