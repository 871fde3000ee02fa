"""The studied model families, bridges to timm and torchvision, initial weights and costs."""

from trickbag.models.build import MODELS, build_model, find_model
from trickbag.models.cost import count_parameters, multiply_adds, without_normalisation
from trickbag.models.initialise import Family, initialise
from trickbag.models.pretrained import input_statistics, is_weights_file, origin_of

__all__ = [
    "MODELS",
    "Family",
    "build_model",
    "count_parameters",
    "find_model",
    "initialise",
    "input_statistics",
    "is_weights_file",
    "multiply_adds",
    "origin_of",
    "without_normalisation",
]
