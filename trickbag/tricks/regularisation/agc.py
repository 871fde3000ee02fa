"""Adaptive gradient clipping: relative to the weights, unit by unit."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="agc",
    patch={"step.agc": {"clipping": 0.01}},
    card=Card(
        summary=(
            "Clips the gradient of each unit (a row of a weight matrix, a filter) where its norm exceeds 1 % "
            "of the norm of the unit's weights; made for networks without batch norm at large batches."
        ),
        source="Brock et al. 2021 (arXiv 2102.06171), Section 4, equation 3",
        claims=(
            Claim(
                "Brock et al. 2021, Section 4.1 (from memory)",
                "ImageNet, normaliser-free ResNets: trains at batch 4096 where it fails without; smaller "
                "benefit at small batches",
            ),
        ),
        follows=(
            "timm's function; the classifier (the last layer, and auxiliary ones) is left out as in the paper, "
            "and clips at 0.01, the paper's value for batch 4096. Weight norms count as at least 0.001; biases "
            "and norm layers are clipped as one unit each."
        ),
        hurts=(
            "With batch norm there is little to clip at a sane rate. A bias that starts at zero has a norm of "
            "0.001, so that its gradient is cut to 1e-5 at first."
        ),
        cost="Two norms per unit and step, parameter by parameter.",
        suggests=(("agc",), ("large_batch", "agc")),
    ),
    space={"step.agc.clipping": (0.25, 16)},
)
