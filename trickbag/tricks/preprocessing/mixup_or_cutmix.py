"""Mixup or CutMix, drawn for each batch: how modern recipes have both."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="mixup_or_cutmix",
    patch={"batch.mixup_or_cutmix": {"mixup_alpha": 0.2, "cutmix_alpha": 1.0}},
    card=Card(
        summary=(
            "Mixes each batch by mixup or by CutMix, with equal chances. Both at once would mix twice; this is how "
            "the recipes of torchvision and timm have both."
        ),
        source="Touvron et al. 2021, DeiT (arXiv 2012.12877); torchvision's training reference",
        claims=(
            Claim(
                "torchvision blog, best of 3 runs",
                "ImageNet, ResNet-50, 600 epochs, CutMix beside mixup: top-1 79.232 -> 79.510",
                0.278,
            ),
            Claim(
                "openmixup, RSB settings",
                "ImageNet, ResNet-50, A3: 78.08 with both, 77.66 with mixup alone, 77.62 with CutMix alone",
            ),
        ),
        follows=(
            "A choice per batch, each with probability one half, as in torchvision and timm; mixup with alpha 0.2 and "
            "CutMix with 1, as in torchvision's recipe."
        ),
        hurts=(
            "What mixup and CutMix hurt: small networks, short schedules, fine-tuning on few classes. Training "
            "accuracy no longer reads as one."
        ),
        cost="None to speak of per step; wants a long schedule.",
        conflicts=("mixup", "cutmix", "resize_mix"),
        suggests=(("mixup_or_cutmix",), ("mixup_or_cutmix", "long_schedule")),
    ),
)
