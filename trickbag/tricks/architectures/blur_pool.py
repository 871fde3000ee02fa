"""BlurPool: a blur before every subsampling."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="blur_pool",
    patch={"model.blur_pool": True},
    card=Card(
        summary=(
            "Where the network subsamples, by a strided convolution or by max pooling, the operation is "
            "applied at every pixel, and a 3x3 binomial blur takes the stride. Small shifts of the "
            "image then change the output less."
        ),
        source="Zhang 2019, Making Convolutional Networks Shift-Invariant Again (arXiv 1904.11486), Section 3",
        claims=(
            Claim(
                "Zhang, README, filter Tri-3", "ImageNet, ResNet-18: top-1 69.74 -> 71.69 (computed)", 1.95
            ),
            Claim(
                "Zhang, README, filter Tri-3", "ImageNet, ResNet-34: top-1 73.30 -> 74.33 (computed)", 1.03
            ),
            Claim(
                "Zhang, README, filter Tri-3", "ImageNet, ResNet-50: top-1 76.16 -> 76.83 (computed)", 0.67
            ),
        ),
        follows=(
            "timm's layer and places: the blur comes after the relu of the strided convolution, and "
            "after the max pooling; the first convolution and the projections of shortcuts keep their "
            "stride (the paper's code blurs before the projections too). Borders are reflected."
        ),
        hurts=(
            "A gain of accuracy is not its purpose; it is shift consistency. Features that are blurred "
            "must be 2 pixels or more in each direction, so tiny images cannot go through an ImageNet "
            "stem."
        ),
        cost=(
            "ResNet-50: 3.9 G to 4.1 G multiply-adds; on top of `resnet_b` 4.1 G to 5.1 G, as the 3x3 "
            "convolutions then run at double size."
        ),
        needs="residual blocks that subsample",
        suggests=(("blur_pool",),),
    ),
)
