"""Types of the arguments of operations; what they refuse is refused when a recipe is resolved."""

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[float, Field(gt=0, le=1)]
"""A share that is more than nothing."""
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=0)]
"""A duration: a recipe may write '30ep' or '25%'; the builder takes the steps it came to."""
