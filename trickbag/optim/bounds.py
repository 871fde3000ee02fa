"""Types of optimizer arguments: their ranges are checked when a recipe is resolved."""

from typing import Annotated

from pydantic import Field

Rate = Annotated[float, Field(ge=0, lt=1)]
"""Momentum, or how slowly a running average forgets."""
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Betas = tuple[Rate, Rate]
"""How slowly the averages of the gradient and of its square forget."""
