"""Cosine decay of the learning rate."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="cosine",
    patch={"schedule.name": "cosine"},
    card=Card(
        summary=(
            "Lets the learning rate fall along half a cosine from its peak to zero instead of in steps. It "
            "has no milestones to tune."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 5.1, Table 6; after Loshchilov and Hutter (SGDR)",
        claims=(
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, ResNet-50-D, step to cosine: top-1 77.16 -> 77.91 (computed)",
                0.75,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, Inception-V3, step to cosine: top-1 77.50 -> 78.19 (computed)",
                0.69,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, MobileNet, step to cosine: top-1 71.90 -> 72.83 (computed)",
                0.93,
            ),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, bundled with warmup and batch 1024: top-1 76.130 -> 76.494",
                0.364,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200: top-1 79.0 -> 79.3",
                0.3,
            ),
            Claim(
                "GluonCV logs, single runs",
                "ImageNet, ResNet-18, bundled with batch 1024 and 150 to 120 epochs: top-1 70.39 -> 70.90 "
                "(computed)",
                0.51,
            ),
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes (6 classes), pretrained ResNet-50 with Adam: accuracy 94.57 -> 94.20 "
                "(computed)",
                -0.37,
            ),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single runs",
                "CUB-200-2011, VGG16: does not work, about -1",
            ),
        ),
        follows=(
            "Paper: T counts all batches, warmup ignored. Code: the cosine spans the epochs that remain "
            "after the warmup. trickbag follows the code: the rise comes before the schedule proper."
        ),
        hurts=(
            "PaddleClas advises it for long schedules only (about 200 epochs). Lost on CUB-200 with VGG16 "
            "and in a fine-tuning study (single runs). Half-way through a run its accuracy says little "
            "about the end."
        ),
        cost="None; one thing less to tune.",
        suggests=(("cosine",), ("warmup", "cosine")),
    ),
)
