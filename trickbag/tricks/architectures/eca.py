"""ECA: channels weighed by a convolution over neighbouring channels."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="eca",
    patch={"model.attention": "eca"},
    card=Card(
        summary=(
            "Weighs the channels of every residual before it is added, as squeeze-and-excitation does, "
            "but with one convolution over the neighbouring channels (3 to 7 of them) instead of two "
            "layers: hardly a parameter."
        ),
        source="Wang et al. 2020, ECA-Net (arXiv 1910.03151), Section 3",
        claims=(
            Claim(
                "Wang et al. 2020, abstract",
                "ImageNet, ResNet-50: more than 2 points of top-1 with 80 parameters",
            ),
            Claim(
                "BangguWu/ECANet, README",
                "ImageNet, ECA-Net50: 77.48 % top-1; the plain twin is not in the table",
            ),
        ),
        follows=(
            "timm's layer. The number of neighbours grows with the logarithm of the channels, by the "
            "paper's formula; the released code sets it by hand for each stage. The convolution begins "
            "as torch's own do."
        ),
        hurts=(
            "The neighbourhood of channels has no meaning until training gives it one. No independent "
            "comparison with the plain network was found here."
        ),
        cost=(
            "ResNet-50: 86 parameters; time as squeeze-and-excitation, since pooling and scaling are "
            "the same."
        ),
        needs="residual blocks",
        suggests=(("eca",),),
    ),
)
