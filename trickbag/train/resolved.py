"""A recipe that can be trained here, with its images and how many steps it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trickbag.data import ImageSet
from trickbag.recipe import Recipe, in_steps


@dataclass(frozen=True)
class Resolved:
    """A recipe that can be trained here, with its images."""

    recipe: Recipe
    images: ImageSet
    train_ids: torch.Tensor  # int64, sorted
    validation_ids: torch.Tensor
    base: Path  # relative paths in the recipe start here

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps per epoch; a last partial batch is left out."""
        return len(self.train_ids) // self.recipe.budget.batch_size

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps_per_epoch * self.recipe.budget.epochs

    def in_steps(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments with their durations turned into steps."""
        return {
            name: in_steps(value, self.total_steps, self.steps_per_epoch) for name, value in given.items()
        }

    @property
    def num_classes(self) -> int:
        """How many classes the images have."""
        return len(self.images.classes)

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.images.channels
