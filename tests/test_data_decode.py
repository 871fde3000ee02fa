"""Decoding and resizing single images, against PIL and torchvision."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional as reference

from trickbag.data.decoding.decode import MAX_PIXELS, MAX_SCANS, decode, decode_part
from trickbag.data.decoding.jpeg import cutout, with_borders
from trickbag.data.decoding.resize import fitted
from trickbag.data.prepare import Reencoding
from trickbag.errors import InputError

RANDOM = np.random.default_rng(0)
FORMATS = {
    "RGB": ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "PPM"),
    "L": ("JPEG", "PNG", "TIFF", "GIF"),
    "P": ("PNG", "GIF", "BMP"),
    "1": ("PNG", "TIFF"),
    "RGBA": ("PNG", "TIFF", "WEBP"),
    "LA": ("PNG",),
    "CMYK": ("JPEG", "TIFF"),
}


def photo(width=40, height=30, mode="RGB"):
    """A smooth random picture."""
    small = Image.fromarray(RANDOM.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def by_pil(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def samples(shared_data):
    """Real ImageNet files."""
    return sorted((shared_data / "imagenet-samples").rglob("*.JPEG"))


@pytest.mark.parametrize(("mode", "kind"), [(mode, kind) for mode in FORMATS for kind in FORMATS[mode]])
def test_every_format_and_8_bit_mode_has_pils_pixels(mode, kind):
    data = encoded(photo(mode=mode), kind)
    np.testing.assert_array_equal(decode(data, "x.jpg"), by_pil(data))


@pytest.mark.parametrize(
    "options",
    [{"subsampling": s, "quality": 80} for s in (0, 1, 2)]
    + [{"progressive": True}, {"keep_rgb": True}, {"optimize": True}, {"restart_marker_rows": 1}],
)
@pytest.mark.parametrize("size", [(1, 1), (17, 33), (500, 375)])
def test_every_kind_of_jpeg_has_pils_pixels(options, size):
    data = encoded(photo(*size), **options)
    np.testing.assert_array_equal(decode(data, "x.jpg"), by_pil(data))


def test_real_photographs_have_pils_pixels(shared_data):
    for path in samples(shared_data):
        data = path.read_bytes()
        np.testing.assert_array_equal(decode(data, str(path)), by_pil(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied_when_asked_for_as_pil_does(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(), kind, exif=exif)
    image = Image.open(io.BytesIO(data))
    expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    np.testing.assert_array_equal(decode(data, "x", upright=True), expected)
    box = (1, 2, 3, 4)
    np.testing.assert_array_equal(decode_part(data, "x", box, upright=True).pixels, inside(expected, box))
    np.testing.assert_array_equal(decode(data, "x"), by_pil(data))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1)])
def test_an_image_one_pixel_wide_or_high_can_be_turned_and_resized(orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(*size), exif=exif)
    assert fitted(decode(data, "x", upright=True), 8, 8).shape == (8, 8, 3)


def inside(pixels, box):
    """The box (top, left, height, width) of an image."""
    top, left, height, width = box
    return pixels[top : top + height, left : left + width]


def check_box(data, whole, box):
    """A box has the pixels of PIL's whole, as has what is cut out for it, by itself; returns what is cut out."""
    part, cut = decode_part(data, "x", box), cutout(data, box)
    assert part.size == whole.shape[:2]
    np.testing.assert_array_equal(part.pixels, inside(whole, box))
    if cut:  # would PIL have to help, where the decoder warns of something, nothing would be spared
        pixels = simplejpeg.decode_jpeg(cut.data, "RGB", strict=cut.whole)
        moved = (box[0] - cut.top, box[1] - cut.left, *box[2:])
        np.testing.assert_array_equal(inside(pixels, moved), inside(whole, box))
    return cut


def random_box(height, width):
    """A box inside an image."""
    (top, bottom), (left, right) = (
        sorted(RANDOM.integers(0, side + 1, 2).tolist()) for side in (height, width)
    )
    return top, left, bottom - top, right - left


MARKS = {
    "none": {},
    "rows": {"restart_marker_rows": 1},
    "blocks": {"restart_marker_blocks": 1},
    "pairs": {"restart_marker_blocks": 2},
}


@pytest.mark.parametrize(
    ("mode", "subsampling"), [("RGB", "4:4:4"), ("RGB", "4:2:2"), ("RGB", "4:2:0"), ("L", "4:4:4")]
)
@pytest.mark.parametrize("marks", MARKS)
def test_a_box_alone_has_the_pixels_of_the_whole(mode, subsampling, marks):
    spared = {"below": 0, "above": 0, "left": 0, "right": 0}
    # a last block of 3 or 4 columns alone would be too narrow for its colours to be interpolated
    for height, width in ((64, 64), (101, 51), (33, 52), (50, 17), (20, 99), (70, 3)):
        noise = Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)
        data = encoded(noise, subsampling=subsampling, **MARKS[marks])
        for file in (data, with_borders(data)):
            whole = by_pil(file)
            last = [(0, left, 5, 1) for left in range(max(0, width - 4), width)]
            for box in last + [random_box(height, width) for _ in range(20)]:
                cut = check_box(file, whole, box)
                if cut:
                    rows, columns = simplejpeg.decode_jpeg_header(cut.data)[:2]
                    spared["above"] += cut.top > 0
                    spared["left"] += cut.left > 0
                    spared["below"] += cut.top + rows < height
                    spared["right"] += cut.left + columns < width
    beside = marks in ("blocks", "pairs")  # without restart markers only the rows below can be left out
    expected = {"below": True, "above": marks != "none", "left": beside, "right": beside}
    assert {side: count > 0 for side, count in spared.items()} == expected


def test_boxes_of_real_photographs(shared_data):
    for path in samples(shared_data):
        data = path.read_bytes()
        whole = by_pil(data)
        for _ in range(2):
            check_box(data, whole, random_box(*whole.shape[:2]))


def test_boxes_of_prepared_photographs(shared_data):
    spared = 0
    for path in samples(shared_data)[::2]:
        data = Reencoding(200)(path.read_bytes(), str(path))
        whole = by_pil(data)
        for _ in range(4):
            cut = check_box(data, whole, random_box(*whole.shape[:2]))
            spared += cut is not None and cut.left > 0
    assert spared > 40


def test_what_is_not_there_is_not_returned():
    for data in (encoded(photo(20, 20), restart_marker_rows=1), encoded(photo(20, 20))):
        assert decode_part(data, "x", (10, 5, 30, 30)).pixels.shape == (10, 15, 3)
        assert decode_part(data, "x", (50, 50, 10, 10)).pixels.shape == (0, 0, 3)
        assert decode_part(data, "x", (10, 5, 30, 30)).size == (20, 20)


def test_only_the_whole_is_read_where_rows_do_not_follow_one_another_or_the_end_is_missing():
    image, box = photo(200, 200), (0, 0, 10, 10)
    assert cutout(encoded(image), box) is not None
    assert cutout(encoded(image, progressive=True), box) is None
    assert cutout(encoded(image)[:-2], box) is None
    assert cutout(encoded(image, "PNG"), box) is None
    assert cutout(b"\xff\xd8\xff\xd9", box) is None
    with pytest.raises(InputError, match="x: the image cannot be read"):
        decode_part(encoded(image)[:-2], "x", box)


@pytest.mark.parametrize("marks", ["rows", "blocks"])
def test_a_file_that_lacks_one_of_its_restart_markers_is_read_as_a_whole(marks):
    data = encoded(photo(64, 64), subsampling="4:2:0", **MARKS[marks])
    at = data.index(b"\xff\xd1")
    damaged = data[:at] + data[at + 2 :]
    for file, spared in ((data, True), (damaged, False)):
        assert (cutout(file, (20, 20, 10, 10)) is not None) == spared


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_places_of_markers_that_are_told_wrongly_are_not_believed(mode):
    data = with_borders(encoded(photo(90, 80, mode), subsampling="4:2:0", restart_marker_blocks=1))
    whole, box = by_pil(data), (20, 20, 30, 30)
    start = data.index(b"trickbag\0") - 2  # of the segment's length
    end = start + int.from_bytes(data[start : start + 2], "big")
    assert check_box(data, whole, box) is not None
    believed = 0
    for _ in range(200):
        broken = bytearray(data)
        for at in RANDOM.choice(np.arange(start + 11, end), RANDOM.integers(1, 4), replace=False):
            broken[at] ^= RANDOM.integers(1, 256)
        believed += cutout(bytes(broken), box) is not None
        np.testing.assert_array_equal(decode_part(bytes(broken), "x", box).pixels, inside(whole, box))
    assert believed < 5  # one in 256 may find the right number; the decoder then finds the blocks wrong
    for cut in (1, 2, 7):  # a segment too short for the image
        less = (
            data[:start] + (end - start - cut).to_bytes(2, "big") + data[start + 2 : end - cut] + data[end:]
        )
        assert check_box(less, whole, box) is None


def test_places_of_markers_are_told_only_where_there_are_some_and_they_fit():
    noise = Image.fromarray(RANDOM.integers(0, 256, (200, 300, 3), dtype=np.uint8))
    for data in (encoded(photo()), encoded(noise, restart_marker_blocks=1, quality=95), b"no JPEG"):
        assert with_borders(data) == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_cut_off_files_are_named(kind):
    data = encoded(photo(300, 200), kind)
    for share in (0.0, 0.01, 0.5, 0.97):
        with pytest.raises(
            InputError, match=r"^a/b\.jpg: the image cannot be read \(.+\); replace or remove"
        ):
            decode(data[: int(share * len(data))], "a/b.jpg")


def test_what_is_no_8_bit_image_is_named():
    for data, why in (
        (b"not an image", "it is none of BMP, GIF, JPEG"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "it is none of BMP",
        ),  # PIL would start Ghostscript
        (
            encoded(Image.fromarray(np.zeros((9, 9), np.uint16)), "PNG"),
            "it has mode I;16: convert it to 8 bits",
        ),
        (
            encoded(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF"),
            "it has mode F: convert it to 8 bits",
        ),
    ):
        with pytest.raises(InputError, match=f"x.png: the image cannot be read .*{why}"):
            decode(data, "x.png")


def claiming(data, at, size, width, height):
    """The file with another size in its header, at a place and of so many bytes."""
    changed = bytearray(data)
    for i, side in enumerate((height, width) if size == 2 else (width, height)):
        changed[at + size * i : at + size * (i + 1)] = side.to_bytes(size, "big")
    return bytes(changed)


def test_more_pixels_than_the_limit_are_refused_by_the_header_alone():
    jpeg = encoded(photo())
    frame = jpeg.index(b"\xff\xc0") + 5
    for width, height in ((65_500, 65_500), (9_460, 9_460)):
        with pytest.raises(
            InputError, match=rf"bomb: .*{width}×{height} pixels; at most {MAX_PIXELS:,} are decoded"
        ):
            decode(claiming(jpeg, frame, 2, width, height), "bomb")
    ppm = b"P6 9460 9460 255\n"
    with pytest.raises(InputError, match=rf"bomb: .*9460×9460 pixels; at most {MAX_PIXELS:,} are decoded"):
        decode(ppm, "bomb")
    with pytest.raises(InputError, match=r"bomb: .*900000000 pixels.* exceeds limit"):
        decode(b"P6 30000 30000 255\n", "bomb")


def test_a_jpeg_of_very_many_scans_is_refused():
    data = encoded(photo(3000, 3000), progressive=True, quality=10)
    last = data.rindex(b"\xff\xda")
    many = data[:last] + data[last:-2] * (MAX_SCANS + 1) + data[-2:]
    with pytest.raises(InputError, match=r"x: .*made of more than 100 scans"):
        decode(many, "x")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_changed_bytes_give_pixels_or_one_line(kind):
    data = encoded(photo(60, 50), kind)
    for _ in range(150):
        broken = bytearray(data)
        for at in RANDOM.integers(0, len(data) if RANDOM.random() < 0.5 else min(len(data), 700), 4):
            broken[at] = RANDOM.integers(0, 256)
        said = attempt(bytes(broken))
        assert said == "" or said.startswith("x: the image cannot be read (")
        assert "\n" not in said


def attempt(data):
    """What decoding says; empty where it gives pixels."""
    try:
        pixels = decode_part(data, "x", (3, 5, 20, 30), upright=bool(RANDOM.integers(2))).pixels
    except InputError as error:
        return str(error)
    assert pixels.dtype == np.uint8
    assert pixels.shape[2:] == (3,)
    return ""


def test_odd_but_readable_files_are_no_news_in_any_thread(tmp_path):
    palette = photo(mode="P")
    palette.info["transparency"] = bytes(range(256))
    (tmp_path / "p.png").write_bytes(encoded(palette, "PNG", transparency=bytes(range(256))))
    exif = Image.Exif()
    exif[0x0112] = 6
    broken = encoded(photo(), exif=exif)
    at = broken.index(b"Exif\0\0")
    (tmp_path / "e.jpg").write_bytes(broken[: at + 14] + b"\xff\xff" + broken[at + 16 :])
    program = (
        "import sys, warnings; from concurrent.futures import ThreadPoolExecutor; from pathlib import Path\n"
        "from trickbag.data.decoding.decode import decode\n"
        "data = [p.read_bytes() for p in map(Path, sys.argv[1:])] * 50\n"
        "with ThreadPoolExecutor(4) as pool: list(pool.map(lambda d: decode(d, 'x', upright=True), data))\n"
    )
    files = [str(path) for path in sorted(tmp_path.iterdir())]
    for path in files:  # there is something to be silent about
        with pytest.warns(UserWarning, match="EXIF|Transparency"):
            turned_by_pil(path)
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program, *files],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stderr == ""


def turned_by_pil(path):
    return ImageOps.exif_transpose(Image.open(path).convert("RGB"))


def check(pixels, image, side):
    """Equal to torchvision's resize of the shorter side and centre crop of a PIL image, but for roundings."""
    image = reference.center_crop(reference.resize(image, [side], antialias=True), [side, side])
    difference = pixels.astype(int) - np.asarray(image).astype(int)
    assert pixels.shape == (side, side, 3)
    assert np.abs(difference).max() <= 2
    assert np.abs(difference).mean() < 0.5
    assert abs(difference.mean()) < 0.05


@pytest.mark.parametrize(
    ("width", "height", "side"),
    [
        (40, 30, 16),
        (30, 41, 16),
        (500, 375, 64),
        (20, 20, 33),
        (21, 97, 20),
        (300, 9, 12),
        (1, 1, 8),
        (32, 90, 32),
    ],
)
def test_the_centre_is_resized_and_cropped_as_by_torchvision(width, height, side):
    image = photo(width, height)
    check(fitted(np.array(image), side, side), image, side)


def test_the_centre_of_real_photographs_is_torchvisions(shared_data):
    for path in samples(shared_data)[::2]:
        image = Image.open(path).convert("RGB")
        check(fitted(np.array(image), 64, 64), image, 64)


def test_a_very_long_image_costs_no_more_than_others():
    strip = np.arange(20_000, dtype=np.uint32).astype(np.uint8)[:, None, None].repeat(3, 2)
    assert fitted(strip, 64, 64).shape == (64, 64, 3)  # resized whole: 64 × 1,280,000
    assert fitted(strip.transpose(1, 0, 2), 64, 64).shape == (64, 64, 3)


def test_other_shapes_than_squares_are_covered():
    for shape in ((20, 50), (50, 20), (7, 9), (400, 3)):
        pixels = fitted(np.full((*shape, 3), 9, np.uint8), 10, 24)
        assert pixels.shape == (10, 24, 3)
        assert (pixels == 9).all()
