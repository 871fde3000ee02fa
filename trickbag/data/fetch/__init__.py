"""Data sets from the net: the official archives, and the Hugging Face hub's Parquet files."""

from pathlib import Path

from trickbag.data.fetch.download import download
from trickbag.data.fetch.hub import fetch_hub
from trickbag.data.fetch.official import OFFICIAL, fetch_official
from trickbag.data.progress import Tell, silent
from trickbag.errors import InputError, unknown

__all__ = ["download", "fetch"]

_HUB = "hub:"
_BY_HAND = {
    "imagenet": "ImageNet is given to registered people alone: get ILSVRC2012_img_train.tar, "
    "ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz from https://image-net.org/download, and give "
    "their folder with --from PATH",
    "digits": "the digits come with scikit-learn; there is nothing to download",
}


def fetch(name: str, into: Path, tell: Tell = silent) -> Path:
    """All that the data set `name` needs, downloaded; the folder in which its reader finds it.

    `name`: one of the official data sets, or `hub:OWNER/NAME[/CONFIG][@REVISION]`. What is in `into` already,
    whole or in part, is not downloaded again. Raises InputError for other names and for failed downloads.
    """
    if name.startswith(_HUB):
        return fetch_hub(name.removeprefix(_HUB), into, tell)
    if name in OFFICIAL:
        return fetch_official(name, into, tell)
    if name in _BY_HAND:
        raise InputError(f"{name}: {_BY_HAND[name]}")
    raise unknown("data set to download", name, [*OFFICIAL, *_BY_HAND, f"{_HUB}OWNER/NAME"])
