"""LARS: SGD with a step length for each layer."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="lars",
    patch={"optimizer.name": "lars", "optimizer.lr": 1.0},
    card=Card(
        summary=(
            "SGD with momentum whose step in each layer is a fixed share of the layer's weights, 0.001 times "
            "lr, however large its gradient: made so that batches of thousands train like small ones."
        ),
        source="You et al. 2017 (arXiv 1708.03888), Algorithm 1",
        claims=(
            Claim(
                "You et al. 2017, abstract",
                "ImageNet: AlexNet at batch 8K and ResNet-50 at batch 32K without loss of accuracy",
            ),
        ),
        follows=(
            "timm's with the paper's trust coefficient 0.001 and momentum 0.9; the rate stands outside the "
            "momentum, inside in the paper. Weight decay is added to the layer's gradient before its length is "
            "set, at the baseline's value. Parameters without weight decay take plain SGD steps."
        ),
        hurts=(
            "Nothing to repair at a batch of 128 or 256, where plain SGD is stable. Its rate means something "
            "else than SGD's: 1 moves a layer by 0.1 % of its weights per step, 1 % with momentum. With no "
            "bias decay the same rate drives biases and norms as plain SGD: tune them together."
        ),
        cost="One number per weight and two norms per layer. The rate must be found anew.",
        suggests=(("lars",), ("large_batch", "lars")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
