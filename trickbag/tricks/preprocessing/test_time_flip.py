"""Test-time flip: the mean answer for an image and its mirror image."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="test_time_flip",
    patch={"predict.flip": {}},
    card=Card(
        summary=(
            "Classifies an image and its mirror image and averages the two answers. Training does not "
            "change; evaluation costs twice as much."
        ),
        source="Krizhevsky et al. 2012, Section 4.1 (ten crops, of which five are mirrored)",
        claims=(
            Claim(
                "KellerJordan/cifar10-airbench, README",
                "CIFAR-10: part of all its records, with small shifts on top; its own effect is not printed",
            ),
        ),
        follows="The mean of the logits, as airbench has it. No shifts, no further crops.",
        hurts=(
            "Images that mean something else when mirrored: digits, letters, signs. Compare it with arms that "
            "are evaluated the same way: it is a gain at test time that any arm could have."
        ),
        cost="None in training; evaluation takes twice as long, and so does every prediction in use.",
        suggests=(("test_time_flip",),),
    ),
)
