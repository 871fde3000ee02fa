"""Stochastic weight averaging."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="swa",
    patch={"average.swa": {"start": "75%"}},
    card=Card(
        summary=(
            "Evaluates the plain mean of the weights at the ends of the epochs in the last quarter of the "
            "run. The mean lies in a flatter part of the loss than any of its members; batch-norm statistics "
            "are estimated anew for it by a pass over training images."
        ),
        source="Izmailov et al. 2018 (arXiv 1803.05407), Section 3, Algorithm 1",
        claims=(
            Claim(
                "Izmailov et al. 2018 (from memory)",
                "CIFAR-10, CIFAR-100 and ImageNet, several networks: gains throughout, larger on CIFAR-100",
            ),
        ),
        follows=(
            "Algorithm 1 with the end of an epoch as the end of a cycle, but without the weights from which it "
            "starts, which the paper counts as the first of the mean. The paper keeps the learning rate "
            "high, or cycles it, while averaging; here the schedule stays the recipe's, so combine it with one "
            "that stays high (`constant`, `warmup_stable_decay`) to have the paper's setting."
        ),
        hurts=(
            "With a schedule that falls to zero the averaged weights hardly differ, so little changes; the "
            "early members of the mean are then worse than the last one. Needs several epochs in its window."
        ),
        cost=(
            "One more copy of the weights, and one pass over the training images before each evaluation: "
            "evaluate in the last epoch alone (budget.evaluate: last_epoch) to pay it once."
        ),
        conflicts=("ema",),
        suggests=(("swa",),),
    ),
)
