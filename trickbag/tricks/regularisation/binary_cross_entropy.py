"""Binary cross-entropy: every class a yes-or-no question."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="binary_cross_entropy",
    patch={"loss.binary_cross_entropy": {}},
    card=Card(
        summary=(
            "Trains with the sum of a binary cross-entropy per class in place of the softmax's "
            "cross-entropy: each class is a yes-or-no question, so a mixed image may be two things at once."
        ),
        source="Wightman et al. 2021, ResNet strikes back (arXiv 2110.00476), Section 2; Beyer et al. 2020",
        claims=(
            Claim(
                "Wightman et al. 2021",
                "ImageNet, ResNet-50, recipes A1, A2 and A3: part of all three; its own effect is not to be "
                "had from the summary at hand",
            ),
            Claim("mosaicml ResNet-50 recipes", "ImageNet, ResNet-50: part of mild, medium and hot recipes"),
        ),
        follows=(
            "Summed over classes, averaged over images, so that the size of the gradient suits a learning "
            "rate tuned for cross-entropy. timm averages over classes too, which LAMB, its optimizer in those "
            "recipes, cannot tell. Mixed targets stay fractions; timm can round them up."
        ),
        hurts=(
            "With few epochs: at first nearly every answer is no, and learning starts slowly. Combined with "
            "label smoothing in A1 alone, without it in A2 and A3."
        ),
        cost="None.",
        suggests=(("binary_cross_entropy",), ("binary_cross_entropy", "mixup")),
    ),
)
