"""3-Augment: grey, solarized or blurred."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="three_augment",
    patch={"sample.three_augment": {"sigma": [0.1, 2.0]}},
    card=Card(
        summary=(
            "Turns every training image grey, or inverts its bright values, or blurs it: one of the three, drawn "
            "uniformly. Three operations borrowed from self-supervised learning in place of RandAugment's 14."
        ),
        source="Touvron, Cord and Jégou 2022, DeiT III (arXiv 2204.07118), Section 3.2",
        claims=(
            Claim(
                "DeiT III, abstract",
                "ImageNet, vision transformers: part of a procedure that outperforms previous supervised recipes "
                "by a large margin; the abstract gives no number for the augmentation alone",
            ),
        ),
        follows=(
            "Released code: grey, solarize at 128, Gaussian blur of 0.1 to 2 pixels, one third each, always one of "
            "them. Its colour jitter (0.3) and crops are settings of their own here. PIL's blur approximates a "
            "Gaussian by boxes; trickbag's is torchvision's."
        ),
        hurts=(
            "Found for vision transformers in long schedules. Small images: two pixels of blur are a lot on 32, and "
            "most of an 8-pixel digit. Grey does nothing to images without colour."
        ),
        cost="Little; a blur of 13 x 13 pixels, in two passes, for a third of the images.",
        conflicts=("auto_augment", "rand_augment", "trivial_augment", "augmix"),
        suggests=(("three_augment",),),
    ),
)
