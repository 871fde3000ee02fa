"""The paper's tricks, in its order: He et al. 2018, "Bag of Tricks for Image Classification with CNNs".

arXiv 1812.01187, of which `long_schedule` is a part: the paper gives mixup 200 epochs instead of 120.
"""

from trickbag.tricks.paper import (
    cosine,
    distillation,
    label_smoothing,
    large_batch,
    linear_scaling,
    long_schedule,
    low_precision,
    mixup,
    no_bias_decay,
    resnet_b,
    resnet_c,
    resnet_d,
    warmup,
    zero_gamma,
)

MODULES = (
    large_batch,
    linear_scaling,
    warmup,
    zero_gamma,
    no_bias_decay,
    low_precision,
    resnet_b,
    resnet_c,
    resnet_d,
    cosine,
    label_smoothing,
    distillation,
    mixup,
    long_schedule,
)
