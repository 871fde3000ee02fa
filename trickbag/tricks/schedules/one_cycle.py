"""The one-cycle policy: one rise and one long fall of the learning rate."""

from trickbag.recipe import Card, Claim, Trick

_REX = "REX (arXiv 2107.04197), Table 1, 82 settings of vision and language"

TRICK = Trick(
    name="one_cycle",
    patch={"schedule.name": "one_cycle", "schedule.rise": "30%"},
    card=Card(
        summary=(
            "Raises the learning rate from a twenty-fifth to its peak over three tenths of the "
            "training, and lets it fall to almost zero over the rest. Made for peaks that would be "
            "too high to start with."
        ),
        source="Smith and Topin 2018, Super-Convergence (arXiv 1708.07120); Smith 2018 (arXiv 1803.09820)",
        claims=(
            Claim(
                "Smith and Topin 2018 (arXiv 1708.07120), abstract",
                "CIFAR-10 and -100, MNIST, ImageNet: trains up to ten times as fast where peak rates are "
                "large and other regularisation is weak",
            ),
            Claim(
                _REX,
                "the best of the compared schedules in 13 % of the settings, among the best three in 45 %",
            ),
            Claim(
                "coxy1989/superconv, README, averages of runs",
                "MNIST, LeNet, inverse decay for 85 epochs to one cycle of 12, momentum cycled as well: "
                "accuracy 98.92 -> 99.05",
                0.13,
            ),
        ),
        follows=(
            "Paper: linear rise and fall, then a last phase far below; momentum cycled the other "
            "way. Here the form of torch and fastai: two half cosines over all steps, and the "
            "momentum stays as it is."
        ),
        hurts=(
            "At a peak that suits the other schedules the slow rise is mostly lost time: the gain "
            "is claimed for peaks several times as high, so raise `optimizer.lr`, or tune. Half-way"
            " through a run its accuracy says little about the end."
        ),
        cost="None; the peak wants a search of its own.",
        conflicts=("warmup",),
        suggests=(("one_cycle",),),
    ),
)
