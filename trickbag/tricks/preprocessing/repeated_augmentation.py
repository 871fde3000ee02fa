"""Repeated augmentation: several versions of an image in one batch."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="repeated_augmentation",
    patch={"order.repeated_augmentation": {"repeats": 3}},
    card=Card(
        summary=(
            "Puts three differently augmented copies of each image into a batch. The number of steps stays, "
            "so an epoch shows a third of the images; the copies lower the variance that augmentation brings "
            "into the gradient."
        ),
        source=(
            "Hoffer et al. 2020, Augment your batch (arXiv 1901.09335); Berman et al. 2019, MultiGrain (arXiv "
            "1902.05509), Section 3.2"
        ),
        claims=(
            Claim(
                "torchvision blog, best of 3 runs, four copies",
                "ImageNet, ResNet-50, 600 epochs, on eleven other tricks: top-1 80.674 -> 80.858",
                0.184,
            ),
        ),
        follows=(
            "Three copies side by side and an unchanged number of steps, as DeiT and timm have it. Hoffer et "
            "al. enlarge the batch instead."
        ),
        hurts=(
            "Without augmentation the copies are identical and only the batch shrinks. In short training each "
            "image is seen a third as often."
        ),
        cost="None.",
        suggests=(("repeated_augmentation",), ("repeated_augmentation", "rand_augment")),
    ),
)
