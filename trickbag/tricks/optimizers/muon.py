"""Muon: orthogonalised momentum for the hidden matrices, AdamW for the rest."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="muon",
    patch={"optimizer.name": "muon", "optimizer.lr": 0.001, "optimizer.weight_decay": 0.05},
    card=Card(
        summary=(
            "Replaces the momentum of each hidden weight matrix by about the nearest orthogonal matrix, so "
            "that all its directions move alike. First layer, classifier, biases and norms go by AdamW."
        ),
        source=(
            "Jordan et al. 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025 (arXiv 2502.16982), Section 2.2"
        ),
        claims=(
            Claim(
                "KellerJordan/cifar10-airbench, README",
                "CIFAR-10 to 94 % on one A100: 3.83 s by `airbench94` with SGD, 2.67 s by "
                "`airbench94_spectral`, Muon's forerunner; more than the optimizer differs",
            ),
        ),
        follows=(
            "Filters are matrices [out, in x k x k]. By Muon: all convolutions but the first (Jordan's README) "
            "and hidden linear layers, without depthwise filters. Steps are scaled to AdamW's length (Liu et "
            "al.), so rate and weight decay are those of the trick adamw for both halves, and can be compared. "
            "Weight decay is decoupled. In float32, in bfloat16 on a GPU."
        ),
        hurts=(
            "Networks of depthwise convolutions have few matrices for it. On a CPU or with wide layers and "
            "small batches the iteration may take longer than the gradient itself."
        ),
        cost=(
            "One number per weight; fifteen matrix products per matrix and step, which is little beside a "
            "large batch's gradient and much beside a small one's."
        ),
        suggests=(("muon",), ("muon", "no_bias_decay")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
