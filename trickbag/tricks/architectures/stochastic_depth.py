"""Stochastic depth: whole residuals left out at random."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="stochastic_depth",
    patch={"model.drop_path": 0.1},
    card=Card(
        summary=(
            "In training every image skips the residual of a block with a probability that grows "
            "linearly from 0 in the first block to 0.1 in the last; what is kept is scaled up to make "
            "good for it. In evaluation all blocks work."
        ),
        source="Huang et al. 2016, Deep Networks with Stochastic Depth (arXiv 1603.09382), Section 3",
        claims=(
            Claim(
                "Huang et al., README, probability 0.5, best validation epoch",
                "CIFAR-10, ResNet-110: error 6.41 -> 5.23 (computed)",
                1.18,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, middle of the stack: top-1 80.4 -> 80.6",
                0.2,
            ),
        ),
        follows=(
            "Paper: a block is dropped for the whole batch, which saves its time, and evaluation scales "
            "residuals down. timm's DropPath, and trickbag: dropped per image, residuals scaled up in "
            "training, so nothing is saved. The rate of the last block is 0.1, for networks of 20 to 50 "
            "layers; the paper's 0.5 is for 110 layers, A1 and A2 of ResNet strikes back have 0.05."
        ),
        hurts=(
            "A regulariser: it hurts where the network underfits, in short training and shallow "
            "networks. The linear rule never touches the first block, so a network of three blocks has "
            "two that drop."
        ),
        cost="None to speak of; the paper's saving of time is not had in this form.",
        needs="residual blocks",
        suggests=(("stochastic_depth",),),
    ),
)
