"""Exponential moving average of the weights."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="ema",
    patch={"average.ema": {"decay": 0.999}},
    card=Card(
        summary=(
            "Keeps a second set of weights, the exponential moving average of the trained ones after every "
            "step, and evaluates that. It averages out the noise of the last steps, as a decaying learning "
            "rate does."
        ),
        source="Polyak and Juditsky 1992; Tarvainen and Valpola 2017 (arXiv 1703.01780), Section 2",
        claims=(
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 600 epochs, on nine other tricks: top-1 80.196 -> 80.450",
                0.254,
            ),
            Claim(
                "ResNet-RS (arXiv 2103.07579; second-hand)",
                "ImageNet, ResNet-200, on cosine and more epochs: top-1 78.8 -> 79.1",
                0.3,
            ),
        ),
        follows=(
            "Decay min(0.999, (1 + t) / (10 + t)) after t steps, TensorFlow's warm-up, so that short runs do "
            "not remember their initial weights. Batch-norm statistics are averaged along, as in timm. "
            "torchvision averages every 32 steps with a decay that depends on the batch size and the epochs."
        ),
        hurts=(
            "Gains little where the learning rate falls to zero, since the weights stand still at the end. In "
            "a run of a few hundred steps the average lags behind the weights."
        ),
        cost="One more copy of the weights, and a pass over them per step.",
        conflicts=("swa",),
        suggests=(("ema",),),
    ),
)
