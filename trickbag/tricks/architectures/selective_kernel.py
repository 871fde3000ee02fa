"""Selective kernels: each channel chooses between two sizes of kernel."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="selective_kernel",
    patch={"model.attention": "sk"},
    card=Card(
        summary=(
            "Replaces the 3x3 convolution of a block (the first, in basic blocks) by two, one of them "
            "dilated to reach 5x5, and mixes their results channel by channel with weights that depend "
            "on the image."
        ),
        source="Li et al. 2019, Selective Kernel Networks (arXiv 1903.06586), Section 3",
        claims=(
            Claim(
                "Li et al., README, 224 crop",
                "ImageNet, ResNeXt-50 to SKNet-50: error 22.23 -> 20.79 (computed)",
                1.44,
            ),
            Claim(
                "Li et al., README, 224 crop",
                "ImageNet, SENet-50 to SKNet-50: error 21.12 -> 20.79 (computed)",
                0.33,
            ),
            Claim(
                "NAVER assembled-cnn, Table 7",
                "ImageNet, ResNet-50-D, SE to SK, all else equal: top-1 80.40 -> 81.40 (computed)",
                1.0,
            ),
        ),
        follows=(
            "Paper: grouped convolutions, both paths see all channels. timm's skresnet18 and "
            "skresnet50: each path sees half of the channels, which keeps the parameters of ungrouped "
            "convolutions down. trickbag: halves, and all channels where `groups` are set, as in timm's "
            "skresnext50_32x4d."
        ),
        hurts=(
            "Excludes squeeze-and-excitation and ECA here (one field). The published gains are of "
            "networks in which both paths see all channels or that are larger; block channels must be "
            "even. Four layers in the place of one cost time."
        ),
        cost=(
            "ResNet-50: 25.6 M to 25.8 M parameters, multiply-adds as before; twice the features of the "
            "3x3 in memory."
        ),
        needs="residual blocks",
        conflicts=("preactivation",),
        suggests=(("selective_kernel",),),
    ),
)
