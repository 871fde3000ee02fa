"""Zero gamma: residual branches that start as zero."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="zero_gamma",
    patch={"model.zero_gamma": True},
    card=Card(
        summary=(
            "Starts the scale (gamma) of the batch norm at the end of every residual block at 0 instead of "
            "1. Each block is the identity at first, so the network trains as a shallower one in the "
            "beginning."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 3.1, Table 4; after Goyal et al. 2017",
        claims=(
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 256, on warmup: top-1 76.03 -> 76.19 (computed)",
                0.16,
            ),
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 1024, on warmup: top-1 75.93 -> 76.37 (computed)",
                0.44,
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 256: error 23.84 -> 23.60 (computed; +-0.18 and +-0.12)",
                0.24,
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 8k: error 24.11 -> 23.74 (computed; +-0.07 and +-0.09)",
                0.37,
            ),
            Claim("torchvision, comment in the code", "ImageNet, `zero_init_residual`: 0.2 to 0.3 points"),
        ),
        follows=(
            "Paper: every residual block. Code: `--last-gamma` works on bottleneck blocks only and is "
            "silently ignored on basic blocks. trickbag follows the paper: both kinds of block."
        ),
        hurts=(
            "Means nothing without residual blocks (VGG, Inception-V3, MobileNet V1). Many a baseline has it "
            "already: timm switches it on by default, torchvision does not."
        ),
        cost="None.",
        needs="residual blocks that end in batch norm",
        suggests=(("zero_gamma",), ("large_batch", "linear_scaling", "warmup", "zero_gamma")),
    ),
)
