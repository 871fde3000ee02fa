"""AdamW: Adam with decoupled weight decay."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="adamw",
    patch={"optimizer.name": "adamw", "optimizer.lr": 0.001, "optimizer.weight_decay": 0.05},
    card=Card(
        summary=(
            "Adam whose weight decay stands beside the gradient step instead of inside it: every weight "
            "shrinks by the same share per step, whatever its gradients were."
        ),
        source="Loshchilov and Hutter 2017 (arXiv 1711.05101), Algorithm 2",
        claims=(
            Claim(
                "Loshchilov and Hutter 2017, abstract",
                "image classification: substantially better generalisation than Adam with L2, and competitive "
                "with SGD with momentum",
            ),
        ),
        follows=(
            "torch's form: weight decay is decoupled, and multiplied by the rate (the paper multiplies by the "
            "schedule alone). A step shrinks weights by lr x weight_decay; SGD's L2 by lr x weight_decay / "
            "(1 - momentum) in the long run. So 0.1 and 1e-4 with momentum 0.9 correspond to 0.001 and 0.1. "
            "0.05 is usual practice (Swin, ConvNeXt)."
        ),
        hurts=(
            "An SGD-sized weight decay (1e-4) is as good as none here: it must be some hundred times larger. "
            "Plain ResNets are usually no better for it than for well tuned SGD."
        ),
        cost="Two numbers per weight. Rate and weight decay must be found anew.",
        suggests=(("adamw",), ("adamw", "no_bias_decay")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
