"""RAdam: Adam with a rectified start."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="radam",
    patch={"optimizer.name": "radam", "optimizer.lr": 0.001},
    card=Card(
        summary=(
            "Adam that does not divide by its average of squares before that average is worth trusting: the "
            "first steps are plain momentum, and the next ones are shortened by the variance that is left."
        ),
        source="Liu et al. 2019 (arXiv 1908.03265), Algorithm 2",
        claims=(
            Claim(
                "mgrankin/over9000, README, mean of 20 runs",
                "Imagenette, 128 pixels, 5 epochs, Adam with one-cycle to RAdam with flat-and-anneal: "
                "accuracy 84.93 -> 84.44 (computed; the schedule changed along)",
                -0.49,
            ),
            Claim(
                "Liu et al. 2019, abstract",
                "image classification, language models and translation: effective and robust, as a warmup is",
            ),
        ),
        follows=(
            "torch's form with the paper's defaults: rate 0.001, betas 0.9 and 0.999. Weight decay is L2, "
            "divided like the gradient once the steps adapt, at the baseline's value."
        ),
        hurts=(
            "Its start is a warmup of about 2,000 steps: a run of a few hundred is over before the steps are "
            "long. With a warmup besides, it does nothing new; where Adam is behind SGD it is too."
        ),
        cost="Two numbers per weight. The rate must be found anew.",
        suggests=(("radam",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
