"""A constant learning rate: what every schedule is worth, measured from below."""

from trickbag.recipe import Card, Claim, Trick

_REX = "REX (arXiv 2107.04197), Table 1, 82 settings of vision and language"

TRICK = Trick(
    name="constant_rate",
    patch={"schedule.name": "constant"},
    card=Card(
        summary=(
            "Keeps the learning rate at its peak to the last step. No recommendation: it is the "
            "reference that shows what lowering the rate is worth at all."
        ),
        source=(
            "Robbins and Monro 1951 (why the rate must fall); REX (arXiv 2107.04197), Table 1 as the row None"
        ),
        claims=(
            Claim(
                _REX,
                "no schedule at all is the best of the compared ones in 1 % of the settings, among the best "
                "three in 5 %",
            ),
        ),
        follows="The rate that the recipe states, with or without a warmup.",
        hurts=(
            "Nearly always with plain SGD: the noise of the last steps stays in the weights that "
            "are judged. Least at small rates, with large batches, and where weights are averaged, "
            "which lowers the noise in another way."
        ),
        cost="None.",
        suggests=(("constant_rate",), ("warmup", "constant_rate")),
    ),
)
