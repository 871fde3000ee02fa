"""Alternating flip: every image is mirrored in every second epoch."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="alternating_flip",
    patch={"sample.flip.alternating": True},
    card=Card(
        summary=(
            "Draws once which training images are mirrored, then mirrors each in every second epoch, instead of "
            "drawing anew. Two epochs in a row show both sides of every image, without repeats."
        ),
        source="Jordan 2024 (arXiv 2404.00498), Section 3.6",
        claims=(
            Claim(
                "Jordan 2024, abstract",
                "CIFAR-10, CIFAR-100 and ImageNet: better than random flips in every case in which flips are "
                "better than none",
            ),
        ),
        follows=(
            "Paper: a hash of the image's number says which images start mirrored. trickbag: the draw of the first "
            "epoch, from the stream of the random flip."
        ),
        hurts=(
            "Does nothing to speak of in long schedules, where random flips show both sides often enough; means "
            "nothing where images must not be mirrored (digits, letters, signs). Adds flips to a baseline without."
        ),
        cost="None.",
        suggests=(("alternating_flip",),),
    ),
)
