"""RMSProp in TensorFlow's form."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="rmsprop_tf",
    patch={"optimizer.name": "rmsprop_tf", "optimizer.lr": 0.016, "optimizer.weight_decay": 1e-5},
    card=Card(
        summary=(
            "RMSProp as TensorFlow has it, which the EfficientNets and MobileNets were trained with: epsilon "
            "inside the root, averages that start at one, the rate inside a momentum of 0.9."
        ),
        source="Tan and Le 2019 (arXiv 1905.11946), Section 5.2; form after Hinton 2012, lecture 6e",
        claims=(
            Claim(
                "timm, docstring of RMSpropTF",
                "made to match TensorFlow, so that its published hyperparameters carry over; no accuracies",
            ),
        ),
        follows=(
            "timm's RMSpropTF with the paper's decay 0.9, momentum 0.9 and weight decay 1e-5, epsilon 1e-3 as "
            "in the released code, and rate 0.016 per 256 images (0.256 for 4096). Weight decay is L2."
        ),
        hurts=(
            "Its epsilon of 1e-3 is a tuned value: with it the smallest gradients are hardly scaled up. Tuned "
            "for networks of depthwise convolutions; a plain ResNet gains nothing known."
        ),
        cost="Two numbers per weight. Rate, epsilon and decay were tuned together.",
        suggests=(("rmsprop_tf",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
