"""No bias decay: weight decay on the weights of convolutions and linear layers only."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="no_bias_decay",
    patch={"optimizer.decay": "weights"},
    card=Card(
        summary=(
            "Applies weight decay only to the weights of convolutions and linear layers; biases and the "
            "scale and shift of norm layers are left undecayed."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 3.1, Table 4",
        claims=(
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 256, on zero gamma: top-1 76.19 -> 76.16 (computed)",
                -0.03,
            ),
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 1024, on zero gamma: top-1 76.37 -> 76.03 (computed)",
                -0.34,
            ),
            Claim(
                "weiaicunzai/Bag_of_Tricks, README, single runs",
                "CUB-200-2011, VGG16 with batch norm, on warmup: accuracy 66.07 -> 70.14 (computed)",
                4.07,
            ),
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 600 epochs, no decay of norms, bundled with weight decay 1e-4 to 2e-5: "
                "top-1 79.510 -> 80.036",
                0.526,
            ),
            Claim(
                "GluonCV logs",
                "ImageNet, ResNet-50-B, bundled with label smoothing and FP16: top-1 77.10 -> 77.66 "
                "(computed)",
                0.56,
            ),
        ),
        follows="Paper and released code agree: bias, gamma and beta are not regularised.",
        hurts=(
            "The paper's own table shows a loss at both batch sizes, although its text says the heuristics "
            "bridge the gap. No clean ImageNet test in isolation over several seeds was found; a user "
            "reports no gain on CIFAR-100 (weiaicunzai/Bag_of_Tricks, issue 3)."
        ),
        cost="None.",
        suggests=(("no_bias_decay",),),
    ),
)
