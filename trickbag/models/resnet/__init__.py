"""The residual networks of the study, in ImageNet and CIFAR form, and the changes that can be made to them.

Everything is off by default: the plain net is the baseline of He et al. 2018, "Bag of Tricks" (section 4),
with the stride in the first 1x1 convolution (He et al. 2015). Parameter names are those of torchvision (whose
resnet50 has `stride_in_3x3`) and timm (resnet50c, resnet50d, seresnet50, …), so their weights can be loaded.
Two of timm's families name them otherwise, so that here a change leaves the names of other layers alone:
its SK nets write `conv1.conv` and `conv1.bn` for `conv1` and `bn1`, its pre-activation nets (resnetv2)
`stages.0.blocks` for `layer1`, `norm1` for `bn1`, and have a convolution for a classifier.
"""

from trickbag.models.resnet.blocks import Residual
from trickbag.models.resnet.build import ResNet, resnet
from trickbag.models.resnet.presets import PRESETS

__all__ = ["PRESETS", "ResNet", "Residual", "resnet"]
