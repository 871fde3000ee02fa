"""Making the prepared form of a data set (`data.opening.prepared`) from its source."""

from trickbag.data.prepare.reencode import Reencoding
from trickbag.data.prepare.request import Request
from trickbag.data.prepare.run import Prepared, prepare

__all__ = ["Prepared", "Reencoding", "Request", "prepare"]
