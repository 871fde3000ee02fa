"""NAdam: Adam with Nesterov's momentum."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="nadam",
    patch={"optimizer.name": "nadam", "optimizer.lr": 0.002},
    card=Card(
        summary=(
            "Adam that looks one step ahead: the momentum of the next step, weighed by a schedule of its own, "
            "takes the place of the current one, as in Nesterov's method."
        ),
        source="Dozat 2016, Incorporating Nesterov Momentum into Adam (ICLR workshop)",
        claims=(
            Claim(
                "Dozat 2016, abstract",
                "some problems: Nesterov's momentum improves the speed of convergence and the quality of the "
                "learned models over Adam",
            ),
        ),
        follows=(
            "torch's form with the paper's rate 0.002 and momentum decay 0.004; betas 0.9 and 0.999. Weight "
            "decay is L2, divided like the gradient, at the baseline's value."
        ),
        hurts=(
            "Where Adam is behind SGD it is too: what it changes is the start of training. Its L2 decay "
            "acts as weakly as Adam's; there is no decoupled form in this trick."
        ),
        cost="Two numbers per weight. The rate must be found anew.",
        suggests=(("nadam",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
