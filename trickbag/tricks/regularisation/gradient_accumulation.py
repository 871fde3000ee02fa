"""Gradient accumulation: a batch in parts."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="gradient_accumulation",
    patch={"step.accumulate": {"parts": 2}},
    card=Card(
        summary=(
            "Takes the gradient of a batch in parts, one after the other, and updates once: a batch larger "
            "than the memory. Without batch normalisation it is the same training; with it each part is "
            "normalised by itself."
        ),
        source="Goyal et al. 2017 (arXiv 1706.02677), Section 3, on the batch that normalisation sees",
        claims=(
            Claim(
                "Goyal et al. 2017, Section 2.3",
                "ImageNet: batch statistics of 32 images per worker are part of the definition of the loss, "
                "and are kept while the batch grows",
            ),
        ),
        follows="Equal parts (the first ones an image larger where it does not divide), weighed by their size.",
        hurts=(
            "Small parts make batch statistics noisy, which regularises at first and then hurts. It saves "
            "memory, not time: the same images are computed in smaller pieces."
        ),
        cost="Time: smaller pieces use a device less well. Saves memory in proportion to the parts.",
        suggests=(("gradient_accumulation",), ("large_batch", "linear_scaling", "gradient_accumulation")),
    ),
)
