"""Ghost batch normalisation: statistics of groups of a batch."""

from trickbag.recipe import Card, Claim, NotApplicable, Patch, Recipe, Trick

DEVICES = 8


def _patch(recipe: Recipe) -> Patch:
    """Groups of an eighth of the batch, or the nearest smaller number that divides it; two images at least."""
    batch = recipe.budget.batch_size
    most = max(2, batch // DEVICES)
    images = next((count for count in range(most, 1, -1) if batch % count == 0), None)
    if images is None:
        raise NotApplicable(
            f"budget.batch_size: a batch of {batch} images has no groups of 2 to {most}; use a multiple of 8"
        )
    return {"budget.batch_norm_images": images}


TRICK = Trick(
    name="ghost_batch_norm",
    patch=_patch,
    card=Card(
        summary=(
            "In training, each eighth of a batch is normalised by the mean and variance of its own images, as "
            "it is on each of eight devices. The noise of smaller groups regularises, and a large batch keeps the "
            "normalisation of a small one."
        ),
        source="Hoffer et al. 2017 (arXiv 1705.08741), Section 4, Algorithm 1",
        claims=(
            Claim(
                "Hoffer et al. 2017 (from memory)",
                "CIFAR-10, CIFAR-100 and ImageNet, batch 4096 with groups of 128: closes part of the gap to small "
                "batches, together with a higher rate and more steps",
            ),
            Claim(
                "Summers and Dinneen 2020 (arXiv 1906.03548, from memory)",
                "CIFAR-100 and others, batch 128 and below: groups of 16 to 32 are better than the whole batch",
            ),
        ),
        follows=(
            "Algorithm 1, but for the running statistics: they move once per step, towards the mean over the "
            "groups, as when the statistics of several devices are averaged; the paper moves them group by group. "
            "An eighth of 128 to 256 images is the 16 to 32 per device of He et al. and of Goyal et al."
        ),
        hurts=(
            "Groups of a few images are too noisy, the more so where the last feature maps are small. In large "
            "networks that see each image a few times only, noise is not what is missing."
        ),
        cost="Time: each layer is computed group by group, in smaller pieces, which a GPU fills less well.",
        suggests=(("ghost_batch_norm",), ("large_batch", "linear_scaling", "ghost_batch_norm")),
    ),
)
