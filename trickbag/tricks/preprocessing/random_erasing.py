"""Random erasing: a random rectangle of some images is blanked."""

from trickbag.recipe import Card, Claim, Trick

_README = "Zhong et al. 2017, README of the released code"

TRICK = Trick(
    name="random_erasing",
    patch={"sample.random_erasing": {"p": 0.5}},
    card=Card(
        summary=(
            "With probability one half, blanks a rectangle of random area, shape and place in a training image "
            "with the mean colour. Cutout with more variety."
        ),
        source="Zhong et al. 2017 (arXiv 1708.04896), Algorithm 1",
        claims=(
            Claim(_README, "CIFAR-10, ResNet-20: error 7.21 -> 6.73 (computed)", 0.48),
            Claim(_README, "CIFAR-10, ResNet-110: error 5.10 -> 4.61 (computed)", 0.49),
            Claim(_README, "CIFAR-10, WRN-28-10: error 3.80 -> 3.08 (computed)", 0.72),
            Claim(_README, "CIFAR-100, ResNet-20: error 30.84 -> 29.97 (computed)", 0.87),
            Claim(_README, "CIFAR-100, ResNet-110: error 23.73 -> 22.10 (computed)", 1.63),
            Claim(_README, "CIFAR-100, WRN-28-10: error 18.49 -> 17.73 (computed)", 0.76),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 600 epochs, p 0.1, on TrivialAugment: top-1 78.606 -> 78.796",
                0.190,
            ),
            Claim("PaddleClas docs", "ImageNet, ResNet50, alone: top-1 77.31 -> 77.91 (computed)", 0.60),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single run",
                "CUB-200-2011, VGG16 from scratch, on four other tricks: does not work, about -4",
            ),
        ),
        follows=(
            "p 0.5 as in the paper; area (2 to 33 %) and shape (0.3 to 3.3, log-uniform) as in torchvision, where "
            "the paper has up to 40 %. Filled with the training images' mean, as the released code and "
            "torchvision's recipe do (p 0.1 there); the paper prefers random values (`fill: noise`)."
        ),
        hurts=(
            "Fine-grained classes told apart by a detail (about -4 on CUB); small networks and short schedules, "
            "which do not overfit."
        ),
        cost="None to speak of.",
        suggests=(("random_erasing",), ("trivial_augment", "random_erasing")),
    ),
)
