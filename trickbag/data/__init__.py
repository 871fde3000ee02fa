"""Images: data sets, in memory or streamed, splits, batches, and the per-image operations of the sample seam."""

from trickbag.data.images import ImageSet
from trickbag.data.names import canonical, is_placed, kind_of
from trickbag.data.opening.holding import check_readable, held
from trickbag.data.opening.opening import open_images
from trickbag.data.sample import SAMPLE_OPERATIONS, SampleOperation, told
from trickbag.data.sources import DATASETS, Reader
from trickbag.data.split import limit, split
from trickbag.data.stores.statistics import channel_statistics
from trickbag.data.stores.store import MemoryStore, Store, centre_crop, on_device
from trickbag.data.stores.stream import StreamStore
from trickbag.data.view import EncodedImages

__all__ = [
    "DATASETS",
    "SAMPLE_OPERATIONS",
    "EncodedImages",
    "ImageSet",
    "MemoryStore",
    "Reader",
    "SampleOperation",
    "Store",
    "StreamStore",
    "canonical",
    "centre_crop",
    "channel_statistics",
    "check_readable",
    "held",
    "is_placed",
    "kind_of",
    "limit",
    "on_device",
    "open_images",
    "split",
    "told",
]
