"""Learning-rate warmup: a linear rise from zero over the first epochs."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="warmup",
    patch={"schedule.warmup": "5ep"},
    card=Card(
        summary=(
            "Raises the learning rate linearly from zero to its peak over the first five epochs, step by "
            "step, while the random initial weights still give unstable gradients."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 3.1, Table 4; after Goyal et al. 2017",
        claims=(
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 256, on linear scaling: top-1 75.87 -> 76.03 (computed)",
                0.16,
            ),
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 1024, on linear scaling: top-1 75.17 -> 75.93 (computed)",
                0.76,
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 8k, gradual warmup: error 24.84 -> 23.74 (computed)",
                1.10,
            ),
            Claim(
                "Goyal et al. 2017, 5 runs (second-hand notes)",
                "ImageNet, batch 8k, warmup at a constant low rate instead: error 24.84 -> 25.88 (computed)",
                -1.04,
            ),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single runs",
                "CUB-200-2011, VGG16, together with Xavier initialisation: accuracy 64.60 -> 66.07 "
                "(computed)",
                1.47,
            ),
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes (6 classes), pretrained ResNet-50 with Adam: accuracy 94.13 -> 94.57 "
                "(computed)",
                0.44,
            ),
        ),
        follows=(
            "Paper: at batch i of m the rate is i/m of the peak; code: linear from 0 per iteration, then the "
            "schedule over the remaining epochs. Both rise per step from zero, and so does trickbag."
        ),
        hurts=(
            "Little to gain at small batches and rates: +0.16 at batch 256 is about one run-to-run standard "
            "deviation (Goyal et al. print +-0.12 to 0.18). In a run of few epochs five are a large share "
            "of it: set `schedule.warmup` in percent."
        ),
        cost="No computation; the share of the run that is spent below the peak rate.",
        suggests=(("warmup",), ("large_batch", "linear_scaling", "warmup")),
    ),
)
