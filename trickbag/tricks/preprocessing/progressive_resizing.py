"""Progressive resizing: small images first."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="progressive_resizing",
    patch={"batch.progressive_resizing": {"start": 0.5, "until": "80%"}},
    card=Card(
        summary=(
            "Trains on images of half the side at first and enlarges them step by step until they are whole "
            "at four fifths of the run. Early epochs cost a quarter, and the network sees objects at several "
            "sizes."
        ),
        source="Howard 2018 (fast.ai's DAWNBench entry); FFCV's ImageNet recipe (libffcv/ffcv-imagenet)",
        claims=(
            Claim(
                "libffcv/ffcv-imagenet, README",
                "ImageNet, ResNet-50, 160 to 192 pixels, 88 epochs in 77 minutes on 8 A100: top-1 78.4, with "
                "several other tricks; no run without it",
            ),
        ),
        follows=(
            "Linear in the step, rounded to a multiple of four pixels, bilinear with antialiasing. FFCV goes "
            "from 160 to 192 pixels in steps of 32."
        ),
        hurts=(
            "Small images to begin with: 8 or 32 pixels have little to lose. The network must take any size, "
            "as global pooling does. Batch statistics move with the size of the images."
        ),
        cost="Saves time: a third of the arithmetic with the values here (computed).",
        suggests=(("progressive_resizing",),),
    ),
)
