"""Training one recipe with one seed: resolve, build a session, loop, evaluate, checkpoint."""

from trickbag.train.bits import Bits, class_accuracy, is_imbalanced
from trickbag.train.catalogue import CATALOGUE, find_own, is_own
from trickbag.train.checkpoint import load_checkpoint, save_checkpoint
from trickbag.train.feed import Fed, epoch_order, feed
from trickbag.train.lap import lap, start_session
from trickbag.train.loop import train, train_step
from trickbag.train.resolve import device_of, open_data, resolve
from trickbag.train.resolved import Resolved
from trickbag.train.session import Session, build_session
from trickbag.train.shared_images import data_key, give_images
from trickbag.train.shown import Shown, appearances, typical_images
from trickbag.train.trial import model_arguments, own_place, try_model
from trickbag.train.watch import Outcome, Watch
from trickbag.train.weights import save_weights

__all__ = [
    "CATALOGUE",
    "Bits",
    "Fed",
    "Outcome",
    "Resolved",
    "Session",
    "Shown",
    "Watch",
    "appearances",
    "build_session",
    "class_accuracy",
    "data_key",
    "device_of",
    "epoch_order",
    "feed",
    "find_own",
    "give_images",
    "is_imbalanced",
    "is_own",
    "lap",
    "load_checkpoint",
    "model_arguments",
    "open_data",
    "own_place",
    "resolve",
    "save_checkpoint",
    "save_weights",
    "start_session",
    "train",
    "train_step",
    "try_model",
    "typical_images",
]
