"""The operations of the augmentation policies in torchvision's public functions, by our names."""

import math

from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

THEIR_NAMES = {
    "identity": "Identity", "shear_x": "ShearX", "shear_y": "ShearY", "translate_x": "TranslateX",
    "translate_y": "TranslateY", "rotate": "Rotate", "brightness": "Brightness", "colour": "Color",
    "contrast": "Contrast", "sharpness": "Sharpness", "posterize": "Posterize", "solarize": "Solarize",
    "autocontrast": "AutoContrast", "equalize": "Equalize", "invert": "Invert",
}  # fmt: skip


def theirs(x, name, magnitude, mode):
    """What torchvision's automatic augmentations do with an image or several, in its public functions."""
    warp = {"interpolation": InterpolationMode(mode)}
    angle, whole = math.degrees(math.atan(magnitude)), int(magnitude)
    none = {"angle": 0.0, "scale": 1.0} | warp
    functions = {
        "identity": lambda: x,
        "shear_x": lambda: reference.affine(x, translate=[0, 0], shear=[angle, 0.0], center=[0, 0], **none),
        "shear_y": lambda: reference.affine(x, translate=[0, 0], shear=[0.0, angle], center=[0, 0], **none),
        "translate_x": lambda: reference.affine(x, translate=[whole, 0], shear=[0.0, 0.0], **none),
        "translate_y": lambda: reference.affine(x, translate=[0, whole], shear=[0.0, 0.0], **none),
        "rotate": lambda: reference.rotate(x, magnitude, **warp),
        "brightness": lambda: reference.adjust_brightness(x, 1.0 + magnitude),
        "colour": lambda: reference.adjust_saturation(x, 1.0 + magnitude),
        "contrast": lambda: reference.adjust_contrast(x, 1.0 + magnitude),
        "sharpness": lambda: reference.adjust_sharpness(x, 1.0 + magnitude),
        "posterize": lambda: reference.posterize(x, whole),
        "solarize": lambda: reference.solarize(x, magnitude),
        "autocontrast": lambda: reference.autocontrast(x),
        "equalize": lambda: reference.equalize(x),
        "invert": lambda: reference.invert(x),
    }
    return functions[name]()
