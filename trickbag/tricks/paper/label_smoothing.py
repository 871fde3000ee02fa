"""Label smoothing: targets that are not quite certain."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="label_smoothing",
    patch={"loss.label_smoothing": {"smoothing": 0.1}},
    card=Card(
        summary=(
            "Takes a share (0.1) of every target and spreads it evenly over all K classes, so that the "
            "logits need not grow without bound."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 5.2, Equation 4, Table 6; after Szegedy et al.",
        claims=(
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, ResNet-50-D, on cosine: top-1 77.91 -> 78.31 (computed; Tables 8 and 9 print "
                "78.34)",
                0.40,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, Inception-V3, on cosine: top-1 78.19 -> 78.40 (computed)",
                0.21,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, MobileNet, on cosine: top-1 72.83 -> 72.93 (computed)",
                0.10,
            ),
            Claim("PaddleClas docs", "ImageNet, ResNet50_vd: top-1 77.9 -> 78.4 (computed)", 0.5),
            Claim("PaddleClas docs", "ImageNet, ResNet18: top-1 70.98 -> 70.81 (computed)", -0.17),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 600 epochs, on random erasing: top-1 78.796 -> 79.114",
                0.318,
            ),
            Claim(
                "NAVER assembled-cnn, Table 7",
                "ImageNet, ResNet-50-D, on cosine: top-1 77.37 -> 78.35",
                0.98,
            ),
            Claim(
                "NAVER assembled-cnn, Table 9",
                "ImageNet, MobileNet-V1: top-1 72.59 -> 72.66 (computed)",
                0.07,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, on EMA: top-1 79.1 -> 80.4",
                1.3,
            ),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single runs",
                "CUB-200-2011, VGG16, on no bias decay: accuracy 70.14 -> 71.20 (computed)",
                1.06,
            ),
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes (6 classes), pretrained ResNet-50 with Adam: accuracy 94.57 -> 93.67 "
                "(computed)",
                -0.90,
            ),
        ),
        follows=(
            "Released code, Szegedy et al. and torch: smoothing/K on every class. The paper's Equation 4 "
            "gives eps/(K-1) to the wrong classes only; it equals ours with smoothing = eps K / (K-1)."
        ),
        hurts=(
            "Small networks gain nothing or lose (ResNet18 -0.17, MobileNet +0.07 to +0.10); lost with 6 "
            "classes. A smoothed teacher may distil worse, the more so at high temperature (Mueller et al. "
            "2019, Chandrasegaran et al. 2022; disputed by Shen et al. 2021). The training loss no longer "
            "goes to zero."
        ),
        cost="None to speak of.",
        suggests=(("label_smoothing",), ("cosine", "label_smoothing")),
    ),
)
