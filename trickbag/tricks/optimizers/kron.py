"""Kron: a learned, Kronecker-factored preconditioner."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="kron",
    patch={"optimizer.name": "kron", "optimizer.lr": 0.001, "optimizer.weight_decay": 0.05},
    card=Card(
        summary=(
            "Multiplies the momentum of every weight by a preconditioner, one triangular factor per dimension, "
            "which is fitted by gradient descent so that the preconditioned gradients become white noise: a "
            "second-order method that stores no Hessian."
        ),
        source="Li 2015 (arXiv 1512.04202), Section 3; Walters, github.com/evanatyourservice/kron_torch",
        claims=(
            Claim(
                "kron_torch, README (from memory)",
                "Language models and small vision transformers: fewer steps than Adam, at about a third of "
                "Adam's learning rate; no ImageNet table",
            ),
        ),
        follows=(
            "timm's Kron with decoupled weight decay; rate and weight decay are those of the trick adamw, three times "
            "what its authors advise, and tuning looks on both sides. The preconditioner is updated at "
            "every step for the first 500, then less and less often."
        ),
        hurts=(
            "Short runs, in which the preconditioner is still being fitted when they end. Small layers, whose "
            "gradient costs less than the preconditioning."
        ),
        cost=(
            "A square matrix for every dimension of every weight, and products with all of them. On a CPU "
            "several times the time of an SGD step on small networks."
        ),
        suggests=(("kron",), ("kron", "no_bias_decay")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
