"""DropBlock: squares of the features set to 0."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="drop_block",
    patch={"model.drop_block": 0.1},
    card=Card(
        summary=(
            "In training squares of the features in the last two stages are set to 0 at random (a tenth "
            "of the values in the last stage, a fortieth in the one before), and the others scaled up. "
            "Unlike single values, squares cannot be guessed from their neighbours."
        ),
        source="Ghiasi et al. 2018, DropBlock (arXiv 1810.12890), Section 3",
        claims=(
            Claim(
                "Ghiasi et al. 2018, abstract",
                "ImageNet, ResNet-50: 78.13 % top-1, more than 1.6 points above the baseline",
            ),
            Claim(
                "NAVER assembled-cnn, Table 7",
                ("ImageNet, ResNet-50-D with SE, 200 to 270 epochs as well: top-1 79.71 -> 80.40 (computed)"),
                0.69,
            ),
        ),
        follows=(
            "Paper: after every convolution and in the shortcuts, squares of 7x7, the rate growing in "
            "training. timm's ResNets, and trickbag: once in a block, after the 3x3 convolution's norm "
            "(the first, in basic blocks), 5x5 at a quarter of the rate and 3x3, the rate constant."
        ),
        hurts=(
            "The published gain came with 270 epochs and a growing rate. On small images the features "
            "are hardly larger than a square (at 8 pixels whole maps go), and versions of timm before "
            "1.0.23 cannot do that."
        ),
        cost="A few small operations per block; in training only.",
        needs="residual blocks",
        suggests=(("drop_block",),),
    ),
)
