"""Images: data sets and their cache, splits, batches, and the per-image operations of the sample seam."""

from trickbag.data.cache import open_images
from trickbag.data.images import ImageSet
from trickbag.data.sample import SAMPLE_OPERATIONS, SampleOperation, told
from trickbag.data.sources import DATASETS, Reader
from trickbag.data.split import limit, split
from trickbag.data.store import Store, centre_crop, channel_statistics

__all__ = [
    "DATASETS",
    "SAMPLE_OPERATIONS",
    "ImageSet",
    "Reader",
    "SampleOperation",
    "Store",
    "centre_crop",
    "channel_statistics",
    "limit",
    "open_images",
    "split",
    "told",
]
