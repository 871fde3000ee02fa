"""Exponential decay of the learning rate."""

from trickbag.recipe import Card, Claim, Trick

_REX = "REX (arXiv 2107.04197), Table 1, 82 settings of vision and language"

TRICK = Trick(
    name="exponential_decay",
    patch={"schedule.name": "exponential"},
    card=Card(
        summary=(
            "Multiplies the learning rate by the same factor at every step, so that it falls to a "
            "hundredth of its peak by the end: equal time for every order of magnitude."
        ),
        source=(
            "Szegedy et al. 2016, Inception-V3 (arXiv 1512.00567), Section 8: a rate of 0.94 every two epochs"
        ),
        claims=(
            Claim(
                _REX,
                "the best of the compared schedules in 5 % of the settings, among the best three in 11 %",
            ),
        ),
        follows=(
            "Stated by its final factor, 0.01, and not by a factor per epoch, so that it means the "
            "same at any budget; the factor acts on every step, not once an epoch or two."
        ),
        hurts=(
            "It leaves the high rates sooner than any other schedule here: its mean is about a "
            "fifth of the peak. Usually behind cosine and linear at the same peak rate; long runs, "
            "and a larger `optimizer.lr`, narrow the gap."
        ),
        cost="None; the final factor is one more thing to tune.",
        suggests=(("exponential_decay",), ("warmup", "exponential_decay")),
    ),
)
