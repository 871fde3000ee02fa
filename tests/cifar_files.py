"""Small CIFAR files in the official layout and in the Hugging Face layout, for the tests of the readers."""

import io
import json
import pickle
import tarfile
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CIFAR10_NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
FINE_NAMES = [f"fine{i}" if i != 26 else "crab" for i in range(100)]
COARSE_NAMES = [f"coarse{i}" for i in range(20)]


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 wrote its strings, which is how the official files hold all their strings."""

    def save_bytes(self, obj):
        self.write(pickle.BINSTRING + len(obj).to_bytes(4, "little") + obj)
        self.memoize(obj)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, bytes: save_bytes}


def python2(content):
    buffer = io.BytesIO()
    Python2Pickler(buffer, protocol=2).dump(content)
    # numpy's functions as Python 2's numpy named them
    return buffer.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def random_batch(rng, count=12):
    """Pixels uint8 [count, 3072]; the last image is the first again, under another label."""
    data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    data[-1] = data[0]
    return data


def cifar10_files():
    rng, files = np.random.default_rng(0), {}
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        content = {b"batch_label": name.encode(), b"labels": [(i * 3 + 1) % 10 for i in range(12)]}
        content[b"data"] = random_batch(rng)
        files[name] = python2(content)
    files["batches.meta"] = python2({b"label_names": [name.encode() for name in CIFAR10_NAMES]})
    return files


def cifar100_files():
    rng, files = np.random.default_rng(1), {}
    for name in ("train", "test"):
        fine = [int(i) for i in rng.integers(0, 100, 12)]
        content = {b"fine_labels": fine, b"coarse_labels": [i // 5 for i in fine], b"data": random_batch(rng)}
        files[name] = python2(content)
    names = {b"fine_label_names": FINE_NAMES, b"coarse_label_names": COARSE_NAMES}
    files["meta"] = python2({key: [name.encode() for name in value] for key, value in names.items()})
    return files


def write_archive(path, folder, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in {"readme.html": b"<a>", **files}.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def encoded(pixels, format="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels.reshape(3, 32, 32).transpose(1, 2, 0)).save(buffer, format)
    return buffer.getvalue()


def write_parquet(path, pixels, labels, names, image_column="img"):
    """Rows in the Hugging Face layout; `labels` and `names`: label column → values and class names."""
    features = {column: {"names": list(value), "_type": "ClassLabel"} for column, value in names.items()}
    images = [{"bytes": encoded(image), "path": None} for image in pixels]
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({image_column: pa.array(images, struct), **labels})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if names else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)
