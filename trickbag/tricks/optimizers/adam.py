"""Adam, with weight decay as an L2 penalty."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="adam",
    patch={"optimizer.name": "adam", "optimizer.lr": 0.001},
    card=Card(
        summary=(
            "Running averages of the gradient and of its square, both corrected for their start at zero; each "
            "weight moves by at most about lr per step, however large its gradient."
        ),
        source="Kingma and Ba 2014 (arXiv 1412.6980), Algorithm 1",
        claims=(
            Claim(
                "hoya012/carrier-of-tricks, README, single runs",
                "Intel scenes, ImageNet-pretrained ResNet-50, SGD 0.1 to Adam 1e-4: accuracy 89.07 -> 94.13 "
                "(computed; the rate changed along)",
                5.06,
            ),
            Claim(
                "Wilson et al. 2017 (arXiv 1705.08292), abstract",
                "several networks: adaptive methods (AdaGrad, RMSProp, Adam) find solutions that generalise "
                "worse than SGD's, often significantly",
            ),
        ),
        follows=(
            "The paper's defaults: rate 0.001, betas 0.9 and 0.999, epsilon 1e-8. Weight decay is L2: it is "
            "divided like the gradient, so that the baseline's value hardly decays weights with large "
            "gradients (Loshchilov and Hutter 2017); adamw undoes that."
        ),
        hurts=(
            "On residual networks trained from scratch it is usually behind SGD with momentum at equal tuning. "
            "With L2 its best weight decay depends on the rate."
        ),
        cost="Two numbers per weight. The rate must be found anew: 0.001 is a start, SGD's is none.",
        suggests=(("adam",),),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
