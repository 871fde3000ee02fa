"""Lookahead: k steps forward, one step back."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="lookahead",
    patch={"step.lookahead": {"k": 5, "alpha": 0.5}},
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
            "momentum is kept across a sync. The last step of a training ends a round, so that the final "
            "accuracy is that of the slow weights; in between, the trained ones are evaluated. k 5 and alpha "
            "0.5, within the paper's ranges (timm: 6 and 0.5)."
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
