"""Warmup-stable-decay: a constant learning rate with a short cooldown."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="warmup_stable_decay",
    patch={"schedule.name": "warmup_stable_decay", "schedule.decay": "20%"},
    card=Card(
        summary=(
            "Keeps the learning rate at its peak for four fifths of the training and lets it fall "
            "to zero in a line over the last fifth. The length can be chosen while training."
        ),
        source=(
            "Hu et al. 2024, MiniCPM (arXiv 2404.06395), Section 4; Hägele et al. 2024 (arXiv "
            "2405.18392), Section 3"
        ),
        claims=(
            Claim(
                "Hägele et al. 2024 (arXiv 2405.18392), abstract and Section 3 (second-hand)",
                "language models: a constant rate with a cooldown matches or exceeds cosine, and one run "
                "serves many lengths; the 1-sqrt cooldown is ahead of the line",
            ),
        ),
        follows=(
            "A linear cooldown over 20 % of the steps, by the step; `schedule.shape: 1-sqrt` gives "
            "that of Hägele et al. The warmup of the name is the trick warmup, here off unless "
            "asked for."
        ),
        hurts=(
            "Until the cooldown its accuracy lies below that of every decaying schedule. Evidence "
            "comes from language models in one pass over the data; in many passes the long time at "
            "a high rate acts as a regulariser, or as too much of one."
        ),
        cost="None; the share of the cooldown is one more thing to tune.",
        suggests=(("warmup_stable_decay",), ("warmup", "warmup_stable_decay")),
    ),
)
