"""AutoAugment: pairs of operations that a search found."""

from trickbag.recipe import Card, Claim, Patch, Recipe, Trick

SEARCHED_FOR = {"cifar10": "cifar10", "cifar100": "cifar10", "digits": "svhn"}


def policy_for(recipe: Recipe) -> Patch:
    """The policy that was searched on the images most like the recipe's: ImageNet's where none is closer."""
    return {"sample.auto_augment": {"policy": SEARCHED_FOR.get(recipe.data.name, "imagenet")}}


TRICK = Trick(
    name="auto_augment",
    patch=policy_for,
    card=Card(
        summary=(
            "Changes every training image by one of 25 pairs of operations, each with its probability and "
            "strength, as a search by reinforcement learning found them on a data set. CIFAR-10's policy for CIFAR, "
            "SVHN's for digits, else ImageNet's."
        ),
        source="Cubuk et al. 2019 (arXiv 1805.09501), Section 4 and appendix",
        claims=(
            Claim("PaddleClas docs", "ImageNet, ResNet50, alone: top-1 77.31 -> 77.95 (computed)", 0.64),
            Claim(
                "Yun et al. 2019, README of the released code",
                "ImageNet, ResNet-50: error 22.40 as the AutoAugment paper reports it, with another baseline than "
                "the 23.68 of that table",
            ),
        ),
        follows=(
            "The policies as torchvision has them (magnitudes of 10 levels, random signs), nearest neighbours. The "
            "paper adds Cutout for CIFAR; here that is a trick of its own."
        ),
        hurts=(
            "The policies were searched with the labels of CIFAR-10 (reduced), SVHN and ImageNet: on these sets "
            "the price of the search is hidden, on others they are a guess. Short schedules; images whose class "
            "changes when they are inverted."
        ),
        cost="Up to two operations per image, about twice TrivialAugment.",
        conflicts=("rand_augment", "trivial_augment", "augmix", "three_augment"),
        suggests=(("auto_augment",), ("auto_augment", "cutout")),
    ),
)
