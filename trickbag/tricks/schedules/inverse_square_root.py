"""Inverse-square-root decay of the learning rate."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="inverse_square_root",
    patch={"schedule.name": "inverse_square_root", "schedule.timescale": "10%"},
    card=Card(
        summary=(
            "Lets the learning rate fall as one over the square root of the step. It does not know "
            "how long the training is, so that a run can be prolonged."
        ),
        source=(
            "Vaswani et al. 2017 (arXiv 1706.03762), Equation 3; Zhai et al. 2022 (arXiv "
            "2106.04560), for images"
        ),
        claims=(
            Claim(
                "Zhai et al. 2022, Scaling Vision Transformers (arXiv 2106.04560; from memory)",
                "JFT-3B pretraining: chosen since one run serves many lengths of training, with a linear "
                "cooldown at the end of each",
            ),
        ),
        follows=(
            "sqrt(s / (s + t)), t steps after the warmup: with s equal to the warmup the "
            "Transformer's. No cooldown is appended, which Zhai et al. do: with one, see "
            "warmup_stable_decay."
        ),
        hurts=(
            "It ends at 0.3 of the peak: the noise of the last steps stays in the weights, as with "
            "a constant rate. Where the length of the training is known, a schedule that ends at "
            "zero is the better choice."
        ),
        cost="None; the timescale is one more thing to tune.",
        suggests=(("inverse_square_root",), ("warmup", "inverse_square_root")),
    ),
)
