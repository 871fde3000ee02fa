"""Dropout before the classifier."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="dropout",
    patch={"model.dropout": 0.25},
    card=Card(
        summary=(
            "In training a quarter of the features that the classifier sees are set to 0 at random, "
            "image by image, and the others scaled up by 4/3. In evaluation nothing is dropped."
        ),
        source="Srivastava et al. 2014, Dropout (JMLR 15); in ResNets Bello et al. 2021 (arXiv 2103.07579)",
        claims=(
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                (
                    "ImageNet, ResNet-200, middle of the stack, weight decay not yet lowered: top-1 "
                    "81.0 -> 80.7"
                ),
                -0.3,
            ),
            Claim(
                "Zagoruyko and Komodakis, README, median of 5 runs, inside the blocks",
                "CIFAR-10, WRN-28-10: error 4.00 -> 3.89 (computed)",
                0.11,
            ),
            Claim(
                "Zagoruyko and Komodakis, README, median of 5 runs, inside the blocks",
                "CIFAR-100, WRN-28-10: error 19.25 -> 18.85 (computed)",
                0.4,
            ),
        ),
        follows=(
            "Only before the classifier, as ResNet-RS has it and timm's drop_rate. Wide ResNets have it "
            "between the convolutions of a block instead, which is not built here."
        ),
        hurts=(
            "ResNet-RS lost by it until the weight decay was lowered: regularisers add up. In short "
            "training and on small networks there is little to regularise."
        ),
        cost="None.",
        needs="a classifier on pooled features",
        suggests=(("dropout",),),
    ),
)
