"""Cosine decay with warm restarts (SGDR)."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="cosine_restarts",
    patch={"schedule.name": "cosine_restarts"},
    card=Card(
        summary=(
            "Lets the learning rate fall along a cosine and start again at its peak, three times in"
            " ever longer cycles. Made to give a usable network at the end of every cycle."
        ),
        source="Loshchilov and Hutter 2017, SGDR (arXiv 1608.03983), Equation 5",
        claims=(
            Claim(
                "Loshchilov and Hutter 2017, SGDR, abstract",
                "CIFAR-10 and CIFAR-100, wide ResNets: errors of 3.14 % and 16.21 %, state of the art at the "
                "time, of ensembles of snapshots",
            ),
            Claim(
                "gngdb/pytorch-cifar-sgdr, README, single runs",
                "CIFAR-10, ResNet-18, steps by hand to restarts: accuracy 93.02 -> 93.99",
                0.97,
            ),
            Claim(
                "gngdb/pytorch-cifar-sgdr, README, single runs",
                "CIFAR-10, ResNet-50, steps by hand to restarts: accuracy 93.62 -> 94.25",
                0.63,
            ),
        ),
        follows=(
            "Paper: first cycle T_0 and factor T_mult by hand. Here three cycles, each twice as "
            "long as the one before, fill the training exactly at any budget; `schedule.t_0` gives "
            "the paper's form."
        ),
        hurts=(
            "Against a single cosine of the same length the restarts undo what the small rates had "
            "won: 3/7 of the training is spent before the last cycle begins. With `schedule.t_0` a "
            "training may end just after a restart, at its worst."
        ),
        cost="None; number and growth of the cycles are two more things to tune.",
        suggests=(("cosine_restarts",), ("warmup", "cosine_restarts")),
    ),
)
