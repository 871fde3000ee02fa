"""Reducing the learning rate where validation accuracy has come to rest."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="reduce_on_plateau",
    patch={"schedule.name": "reduce_on_plateau", "budget.evaluate": "every_epoch"},
    card=Card(
        summary=(
            "Divides the learning rate by ten whenever validation accuracy has not risen for more "
            "than five epochs. It waits for the training instead of a calendar."
        ),
        source=(
            "He et al. 2015, ResNet (arXiv 1512.03385), Section 3.4: divided by 10 when the error plateaus"
        ),
        claims=(
            Claim(
                "REX (arXiv 2107.04197), abstract",
                "one of the compared schedules, matched or exceeded by their own in long and short training "
                "alike",
            ),
            Claim(
                "coxy1989/superconv, README, averages of runs",
                "MNIST, LeNet, 85 epochs, inverse decay to reduction on plateau: accuracy 98.92 -> 98.85",
                -0.07,
            ),
        ),
        follows=(
            "torch's ReduceLROnPlateau with mode max and an absolute threshold of 0.01 points; "
            "patience 5 epochs of its default of 10, for trainings of about a hundred. Set "
            "`schedule.patience` in shorter ones."
        ),
        hurts=(
            "It looks at the validation images that also judge, if only through one number an "
            "epoch. In a short run the plateau never comes and the rate stays at its peak; the "
            "moment of a reduction depends on the seed, which adds to the noise between seeds."
        ),
        cost="An evaluation after every epoch.",
        suggests=(("reduce_on_plateau",), ("warmup", "reduce_on_plateau")),
    ),
)
