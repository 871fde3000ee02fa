"""Linear decay of the learning rate."""

from trickbag.recipe import Card, Claim, Trick

_REX = "REX (arXiv 2107.04197), Table 1, 82 settings of vision and language"

TRICK = Trick(
    name="linear_decay",
    patch={"schedule.name": "linear"},
    card=Card(
        summary=(
            "Lets the learning rate fall along a straight line from its peak to zero at the last "
            "step. It has nothing to tune, and is stated for the budget at hand."
        ),
        source="Li, Yumer and Ramanan 2020, Budgeted Training (arXiv 1905.04753), Section 3",
        claims=(
            Claim(
                "Budgeted Training (arXiv 1905.04753), abstract",
                "ImageNet, Kinetics, COCO, Cityscapes: robust and high-performing at every budget, most ahead"
                " of schedules made for longer training at small ones",
            ),
            Claim(
                _REX,
                "the best of the compared schedules in 11 % of the settings, among the best three in 70 %",
            ),
            Claim(
                "Defazio et al. 2023 (arXiv 2310.07831), abstract",
                "ten deep-learning problems: matches or outperforms the usual schedules, cosine among them; "
                "optimal in their worst-case theory of the last iterate",
            ),
        ),
        follows=(
            "The paper's line reaches zero at the end of the budget, and so does this one; with a "
            "warmup it spans the steps that remain."
        ),
        hurts=(
            "Next to cosine it spends fewer steps near the peak and more at middle rates; the mean "
            "rate is the same, so differences are small. Half-way through a run its accuracy says "
            "little about the end."
        ),
        cost="None; nothing to tune.",
        suggests=(("linear_decay",), ("warmup", "linear_decay")),
    ),
)
