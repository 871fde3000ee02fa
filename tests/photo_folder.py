"""Small class folders of smooth random pictures, for tests that read or prepare encoded images."""

import numpy as np
from PIL import Image


def picture(rng, width, height):
    """A smooth random picture."""
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def photo_folder(root, count, *, classes=("cat", "dog"), sides=(40, 60), seed=0):
    """`count` training JPEGs for each class, half as many test JPEGs, of sides drawn between `sides`."""
    rng = np.random.default_rng(seed)
    for part, number in (("train", count), ("test", count // 2)):
        for name in classes:
            for i in range(number):
                width, height = rng.integers(*sides, 2).tolist()
                save(root / part / name / f"{i:03d}.jpg", picture(rng, width, height), quality=85)
    return root
