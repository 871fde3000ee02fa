"""Small ImageNet files in the official layouts, for the tests of the readers."""

import io
import tarfile

import numpy as np
import scipy.io
from PIL import Image

IDS = {
    "n01440764": 3,
    "n01443537": 1,
    "n02102040": 4,
    "n03000684": 2,
}  # wnid → ILSVRC2012_ID, as in the devkit
TRUTH = [4, 1, 1, 3, 2, 4, 3, 2]  # ILSVRC2012_ID of the validation images 1, 2 …
DEVKIT = "ILSVRC2012_devkit_t12"


def jpeg(seed, width=24, height=18):
    """The bytes of a smooth random picture."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(buffer, "JPEG")
    return buffer.getvalue()


def tar_of(files, mode="w", folders=(), **options):
    """The bytes of a tar archive with these folders and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, **options) as archive:
        for name in folders:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def train_files():
    """wnid → name → bytes; the names are sorted as text, not as numbers."""
    return {
        wnid: {f"{wnid}_{i}.JPEG": jpeg(100 * n + i) for i in (10, 9, 2)[: 2 + n % 2]}
        for n, wnid in enumerate(sorted(IDS, reverse=True))
    }


def validation_files():
    return {f"ILSVRC2012_val_{i:08d}.JPEG": jpeg(1000 + i) for i in range(1, len(TRUTH) + 1)}


def meta_mat(ids=IDS):
    """The devkit's meta.mat: a struct array, in which classes that have children follow those that have none."""
    fields = (
        "ILSVRC2012_ID",
        "WNID",
        "words",
        "gloss",
        "num_children",
        "children",
        "wordnet_height",
        "num_train_images",
    )
    rows = sorted((i, wnid, f"{wnid}, word", "gloss", 0, [], 0, 2) for wnid, i in ids.items())
    rows.append((len(rows) + 1, "n00001740", "entity", "gloss", 2, [1, 2], 3, 0))
    synsets = np.empty((len(rows), 1), [(field, object) for field in fields])
    for i, row in enumerate(rows):
        synsets[i, 0] = row
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"synsets": synsets}, do_compression=True)
    return buffer.getvalue()


def devkit_files(meta=None, truth=TRUTH):
    return {
        f"{DEVKIT}/readme.txt": b"about",
        f"{DEVKIT}/data/meta.mat": meta or meta_mat(),
        f"{DEVKIT}/data/ILSVRC2012_validation_ground_truth.txt": "".join(f"{i}\n" for i in truth).encode(),
    }


def write_tree(root, files):
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def write_train_tar(root):
    tars = {f"{wnid}.tar": tar_of(files) for wnid, files in train_files().items()}
    write_tree(root, {"ILSVRC2012_img_train.tar": tar_of(tars)})


def devkit_archive(**content):
    return tar_of(devkit_files(**content), mode="w:gz", folders=(DEVKIT, f"{DEVKIT}/data"))


def write_official(root):
    """The three archives as image-net.org gives them."""
    write_train_tar(root)
    write_tree(root, {"ILSVRC2012_img_val.tar": tar_of(validation_files())})
    write_tree(root, {f"{DEVKIT}.tar.gz": devkit_archive()})
