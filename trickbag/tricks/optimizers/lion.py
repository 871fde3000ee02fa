"""Lion: the sign of an interpolated momentum."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="lion",
    patch={"optimizer.name": "lion", "optimizer.lr": 0.0001, "optimizer.weight_decay": 0.5},
    card=Card(
        summary=(
            "Moves every weight by exactly lr, in the direction of the sign of a momentum that leans on the "
            "newest gradient; found by a search over programs. It keeps half of Adam's state."
        ),
        source="Chen et al. 2023 (arXiv 2302.06675), Algorithm 2",
        claims=(
            Claim(
                "google/automl, lion/README",
                "ImageNet, ViT-B/16 at batch 32K, AdamW to Lion: top-1 75.4 -> 77.9",
                2.5,
            ),
        ),
        follows=(
            "timm's with the paper's betas 0.9 and 0.99. Weight decay is decoupled: a step shrinks weights by "
            "lr x weight_decay. Rate a tenth and weight decay ten times the trick adamw's, which keeps their "
            "product, as the authors advise (3 to 10 times)."
        ),
        hurts=(
            "Wants large batches: at small ones the sign turns noise into full steps (the authors found 4096 "
            "best for a ViT-B/16, AdamW 256). A weight moves by at most lr per step, so that a run of a few "
            "hundred steps needs a larger rate. Its gains are on transformers."
        ),
        cost="One number per weight. Rate and weight decay must be found anew.",
        suggests=(("lion",), ("lion", "no_bias_decay")),
    ),
    space={"optimizer.lr": (0.1, 10), "optimizer.weight_decay": (0.25, 4)},
)
