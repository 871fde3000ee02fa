"""Wide residual networks: blocks of twice the channels."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="wide",
    patch={"model.wide": 2.0},
    card=Card(
        summary=(
            "Doubles the channels of the 3x3 convolution in every bottleneck; in networks of basic "
            "blocks those of all blocks, but not of the stem. Width instead of depth."
        ),
        source="Zagoruyko and Komodakis 2016, Wide Residual Networks (arXiv 1605.07146)",
        claims=(
            Claim(
                "Zagoruyko and Komodakis, README, single run",
                ("ImageNet, WRN-50-2-bottleneck: 21.9 % top-1 error, better than ResNet-152 and faster"),
            ),
            Claim(
                "Zagoruyko and Komodakis, README, median of 5 runs",
                (
                    "CIFAR-10, pre-activation ResNet-164 to WRN-28-10, other depth too: error 5.46 -> "
                    "4.00 (computed)"
                ),
                1.46,
            ),
            Claim(
                "Zagoruyko and Komodakis, README, median of 5 runs",
                (
                    "CIFAR-100, pre-activation ResNet-164 to WRN-28-10, other depth too: error 24.33 -> "
                    "19.25 (computed)"
                ),
                5.08,
            ),
        ),
        follows=(
            "One word for the paper's two forms: the widening factor k of its CIFAR networks (basic "
            "blocks; stem as before) and WRN-50-2 (inner channels of a bottleneck; its outer ones as "
            "before). The paper's CIFAR networks are pre-activation ones as well."
        ),
        hurts=(
            "Not a comparison at equal cost: compare accuracy per hour, or with a deeper plain network. "
            "`model.width` is another thing: it multiplies every channel count, that of the stem too."
        ),
        cost=(
            "Multiply-adds: ResNet-50 3.9 G to 10.9 G, ResNet-20 0.041 G to 0.158 G; parameters 25.6 M "
            "to 68.9 M, 0.27 M to 1.08 M."
        ),
        needs="residual blocks",
        suggests=(("wide",),),
    ),
)
