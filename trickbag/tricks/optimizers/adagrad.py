"""Adagrad: rates that fall with the sum of squared gradients."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="adagrad",
    patch={"optimizer.name": "adagrad", "optimizer.lr": 0.01},
    card=Card(
        summary=(
            "Divides the gradient by the root of the sum of all its squares so far, weight by weight: rates "
            "only ever fall, and fastest where gradients are large."
        ),
        source="Duchi et al. 2011, Journal of Machine Learning Research 12, Section 1.1",
        claims=(
            Claim(
                "Wilson et al. 2017 (arXiv 1705.08292), abstract",
                "several networks: adaptive methods (AdaGrad, RMSProp, Adam) find solutions that generalise "
                "worse than SGD's, often significantly",
            ),
        ),
        follows="torch's, with its rate 0.01 and no momentum. Weight decay is L2, at the baseline's value.",
        hurts=(
            "Made for sparse gradients, which image networks do not have. Its own falling rate is multiplied "
            "with the schedule's, so that long runs come to a standstill early."
        ),
        cost="One number per weight. The rate must be found anew, over a wide range.",
        suggests=(("adagrad",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
