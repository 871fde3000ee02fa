"""Auxiliary loss: a second classifier in the middle of the network, in training only."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="auxiliary_loss",
    patch={"model.auxiliary": True, "loss.auxiliary": {"weight": 0.4}},
    card=Card(
        summary=(
            "Gives the network a second classifier on maps from its middle and adds 0.4 times that one's loss in "
            "training. At evaluation the head is not there, so predictions cost the same."
        ),
        source="Szegedy et al. 2016 (arXiv 1512.00567), Section 4; after Szegedy et al. 2014 (arXiv 1409.4842)",
        claims=(
            Claim(
                "keras-team/keras, issue 9749, on the paper",
                "ImageNet, Inception-V3: the auxiliary head with batch norm lowers the top-1 error by 0.4 points",
            ),
            Claim(
                "Szegedy et al. 2016, Section 4 (second-hand: lecture notes)",
                "ImageNet: no faster in the beginning; near the end the accuracy overtakes the net without it",
            ),
            Claim(
                "microsoft/CNTK, issue 1208, one user",
                "80,000 Flickr images, 20 labels, Inception-V3: better without the auxiliary head",
            ),
        ),
        follows=(
            "The head of torchvision and TensorFlow, with batch norm, behind the last 17x17 block; weight 0.4 as "
            "in TensorFlow's slim. Other operations of the loss, such as label smoothing, act on both losses."
        ),
        hurts=(
            "The published gain is for one network on ImageNet; on small data the head has been seen to take more "
            "than it gives. Its parameters are decayed and fill the optimizer's memory like all others."
        ),
        cost=(
            "Inception-V3 with 1000 classes: 3.3 million parameters more in training (27.2 instead of 23.8), and "
            "little time; at evaluation nothing."
        ),
        needs="an auxiliary head",
        suggests=(("auxiliary_loss",),),
    ),
)
