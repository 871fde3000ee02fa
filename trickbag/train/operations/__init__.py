"""The operations of the seams that are not about single images: a pure function, bound to stream and arguments."""

from trickbag.train.operations.average import AVERAGE_OPERATIONS
from trickbag.train.operations.batch import BATCH_OPERATIONS
from trickbag.train.operations.loss import LOSS_OPERATIONS, cross_entropy_loss
from trickbag.train.operations.order import ORDER_OPERATIONS
from trickbag.train.operations.predict import PREDICT_OPERATIONS
from trickbag.train.operations.step import STEP_OPERATIONS

__all__ = [
    "AVERAGE_OPERATIONS",
    "BATCH_OPERATIONS",
    "LOSS_OPERATIONS",
    "ORDER_OPERATIONS",
    "PREDICT_OPERATIONS",
    "STEP_OPERATIONS",
    "cross_entropy_loss",
]
