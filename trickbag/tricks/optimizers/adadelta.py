"""Adadelta: steps as long as the past steps were."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="adadelta",
    patch={"optimizer.name": "adadelta", "optimizer.lr": 1.0},
    card=Card(
        summary=(
            "Scales the gradient by the ratio of two running root mean squares, that of past steps and that "
            "of past gradients, so that no learning rate has to be chosen."
        ),
        source="Zeiler 2012 (arXiv 1212.5701), Algorithm 1",
        claims=(
            Claim(
                "Zeiler 2012, abstract",
                "MNIST, one machine: promising results compared to other methods; robust to noise, "
                "architecture and hyperparameters",
            ),
        ),
        follows=(
            "The paper's rho 0.95 (torch: 0.9) and epsilon 1e-6; rate 1 multiplies its step, and the schedule "
            "that. Weight decay is L2, at the baseline's value."
        ),
        hurts=(
            "Its first steps are of the size of epsilon, so that short runs lose time. Rarely used on images "
            "today; expect it behind SGD with momentum."
        ),
        cost="Two numbers per weight. A rate is left to tune after all.",
        suggests=(("adadelta",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
