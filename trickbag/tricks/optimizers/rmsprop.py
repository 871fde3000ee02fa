"""RMSProp in torch's form."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="rmsprop",
    patch={"optimizer.name": "rmsprop", "optimizer.lr": 0.001},
    card=Card(
        summary=(
            "Divides the gradient by a running root mean square of its past, weight by weight, so that every "
            "weight moves about lr per step however small its gradient."
        ),
        source="Hinton 2012, Neural Networks for Machine Learning (Coursera), lecture 6e",
        claims=(
            Claim(
                "Wilson et al. 2017 (arXiv 1705.08292), abstract",
                "several networks: adaptive methods (AdaGrad, RMSProp, Adam) find solutions that generalise "
                "worse than SGD's, often significantly",
            ),
        ),
        follows=(
            "Average 0.9 as in the lecture (torch: 0.99), rate 0.001, no momentum; epsilon outside the root. "
            "Weight decay is L2 and is divided like the gradient, so the baseline's value acts weaker on "
            "weights with large gradients."
        ),
        hurts=(
            "Noisy at the end unless the rate falls to zero. On residual networks with batch norm it is usually "
            "behind SGD at equal tuning. See also rmsprop_tf, which behaves differently early on."
        ),
        cost="One more number per weight, one without momentum in all. The rate must be found anew.",
        suggests=(("rmsprop",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
