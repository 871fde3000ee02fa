"""Pre-activation: normalisation and relu before each convolution of a residual block."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="preactivation",
    patch={"model.preact": True},
    card=Card(
        summary=(
            "Puts batch norm and relu before each convolution instead of after it, so that nothing "
            "stands on the way of the shortcuts from the first block to the last. Before the classifier "
            "comes one more norm and relu."
        ),
        source="He et al. 2016, Identity Mappings (arXiv 1603.05027), Sections 3 and 4, Figure 1b",
        claims=(
            Claim(
                "He et al. 2016, abstract",
                ("CIFAR-10, the 1,001-layer network: 4.62 % error; the gain is one of very deep networks"),
            ),
            Claim(
                "weiaicunzai/pytorch-cifar100, README, single runs",
                "CIFAR-100, ResNet-18: error 24.39 -> 27.08 (computed)",
                -2.69,
            ),
            Claim(
                "weiaicunzai/pytorch-cifar100, README, single runs",
                "CIFAR-100, ResNet-50: error 22.61 -> 25.73 (computed)",
                -3.12,
            ),
            Claim(
                "kuangliu/pytorch-cifar, README, single runs",
                (
                    "CIFAR-10, ResNet-18: accuracy 93.02 -> 95.11 (computed; the rows may have "
                    "different schedules)"
                ),
                2.09,
            ),
        ),
        follows=(
            "Where a shortcut is projected, the projection is of the activated input, as in the paper's "
            "code and in timm's resnetv2. As there the projection has no norm, and the stem ends with "
            "its convolution (and pooling): the first block normalises. The stride is where the plain "
            "block has it."
        ),
        hurts=(
            "Made for networks of 100 layers and more. With 18 or 50 layers the replications contradict "
            "each other by several points, more than seed noise: measure it. Zero gamma means nothing "
            "here, since the residual ends in a convolution."
        ),
        cost="None: as many multiply-adds, a few hundred parameters less or more.",
        needs="residual blocks",
        conflicts=("zero_gamma", "selective_kernel"),
        suggests=(("preactivation",),),
    ),
)
