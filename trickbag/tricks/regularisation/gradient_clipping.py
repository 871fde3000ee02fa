"""Gradient clipping by the global norm."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="gradient_clipping",
    patch={"step.clip_norm": {"max_norm": 1.0}},
    card=Card(
        summary=(
            "Scales the whole gradient down where its norm over all parameters exceeds 1, and leaves its "
            "direction as it is: no single batch can throw the weights far."
        ),
        source="Pascanu et al. 2012 (arXiv 1211.5063), Algorithm 1",
        claims=(
            Claim(
                "Pascanu et al. 2012, abstract",
                "recurrent networks: an effective remedy against exploding gradients; nothing on images",
            ),
            Claim(
                "Wightman et al. 2021 (arXiv 2110.00476)",
                "ImageNet, ResNet-50: its LAMB, timm's, clips at norm 1; not tried alone",
            ),
        ),
        follows="torch's clip_grad_norm_, after unscaling where training is in fp16, before the optimizer's step.",
        hurts=(
            "Where the norm exceeds 1 in most steps it is a smaller learning rate in disguise: compare with a "
            "tuned rate. Adam and its kin divide by the gradient's size anyway, and gain little."
        ),
        cost="One pass over the gradients. The norm must be chosen with the rate.",
        suggests=(("gradient_clipping",),),
    ),
    space={"step.clip_norm.max_norm": (0.1, 10)},
)
