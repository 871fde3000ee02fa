"""SGD: heavy-ball momentum instead of Nesterov's."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="sgd",
    patch={"optimizer.name": "sgd"},
    card=Card(
        summary=(
            "Stochastic gradient descent with heavy-ball momentum 0.9 in place of Nesterov's. Learning rate "
            "and weight decay stay those of the baseline, since a step is as long in both."
        ),
        source="Polyak 1964; Sutskever et al. 2013 (ICML), Section 2, compares the two momenta",
        claims=(
            Claim(
                "Sutskever et al. 2013 (from memory)",
                "deep autoencoders: Nesterov's momentum bears larger momentum values; at 0.9 the two are close",
            ),
        ),
        follows=(
            "torch's form, with the learning rate outside the momentum buffer. Weight decay is L2: in the "
            "long run weights shrink by lr x weight_decay / (1 - momentum) per step."
        ),
        hurts=(
            "Does little: at momentum 0.9 and the usual rates the two are hard to tell apart, so expect "
            "a small effect or none that a small study can show."
        ),
        cost="None.",
        suggests=(("sgd",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
