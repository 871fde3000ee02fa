"""AugMix: an image mixed with chains of operations on itself."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="augmix",
    patch={"sample.augmix": {"severity": 3, "width": 3, "alpha": 1.0}},
    card=Card(
        summary=(
            "Mixes every training image with three chains of one to three weak operations on it, by random "
            "weights. Made for robustness to corrupted images more than for clean accuracy."
        ),
        source="Hendrycks et al. 2020 (arXiv 1912.02781), Section 3, Algorithm 1",
        claims=(
            Claim(
                "google-research/augmix, README",
                "ImageNet, ResNet-50, 180 epochs, with the consistency loss: top-1 77.53, mean corruption error "
                "65.3; no baseline beside it",
            ),
            Claim(
                "google-research/augmix, README",
                "Leaving the Jensen-Shannon consistency loss out trains faster at slightly lower performance",
            ),
        ),
        follows=(
            "torchvision's AugMix: all 13 operations, bilinear. The released code leaves brightness, colour, "
            "contrast and sharpness out (they resemble the corruptions of the benchmark: `all_ops: false`). Not "
            "here: the paper's consistency loss on three views of an image."
        ),
        hurts=(
            "Without the consistency loss little of the published robustness is to be expected. Does nothing that "
            "clean validation images would show by itself."
        ),
        cost="About six operations per image in several passes: the dearest of the policies, ten times TrivialAugment.",
        conflicts=("auto_augment", "rand_augment", "trivial_augment", "three_augment"),
        suggests=(("augmix",),),
    ),
)
