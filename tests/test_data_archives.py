import io
import os
import random
import stat
import tarfile
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from imagenet_files import tar_of

from trickbag.data.sources.archives import Member, opened, tar_members
from trickbag.data.sources.zipped import Zipped, zip_members
from trickbag.errors import InputError

FILES = {"b/one.JPEG": b"1" * 700, "empty": b"", "two.JPEG": b"2" * 512}
LONG = "a" * 60 + "/" + "b" * 90  # fits into a POSIX header in two pieces


def members(data, **options):
    return list(
        tar_members(lambda length, offset: data[offset : offset + length], len(data), "x.tar", **options)
    )


def refused(data, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        members(data, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_lie_where_tarfile_finds_them(tmp_path, format):
    long = {LONG: b"long"} if format == tarfile.USTAR_FORMAT else {}
    data = tar_of({**FILES, **long}, folders=["b", "c/"], format=format)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        expected = [Member(m.name, m.offset_data, m.size) for m in archive if m.isfile()]
    assert members(data) == expected
    (tmp_path / "x.tar").write_bytes(data)
    with opened(tmp_path / "x.tar") as (read, size):
        assert list(tar_members(read, size, "x.tar")) == expected


def test_old_archives_and_names_from_the_current_folder_are_read():
    header = tarfile.TarInfo("./one.JPEG")
    header.type, header.size = tarfile.AREGTYPE, 3
    data = header.tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0") + bytes(1024)
    assert members(data) == [Member("one.JPEG", 512, 3)]


def test_an_archive_in_an_archive_ends_where_it_says():
    inner = tar_of({"one.JPEG": b"abc"})
    outer = tar_of({"first": b"x", "inner.tar": inner, "last": b"y"})
    (_, tar, _) = members(outer)
    read = members(outer, start=tar.start)
    assert [outer[m.start : m.start + m.size] for m in read] == [b"abc"]


def test_cut_off_archives_are_refused():
    whole = tar_of({"one.JPEG": b"1" * 600, "two.JPEG": b"2" * 600}).rstrip(b"\0")
    for length in (0, 100, 512, 700, 1024, 1536, 2000, len(whole) - 1, len(whole)):
        refused(whole[:length], r"x.tar: the archive is cut off")


@pytest.mark.parametrize(("mode", "name"), [("w:gz", "gzip"), ("w:bz2", "bzip2"), ("w:xz", "xz")])
def test_compressed_archives_are_called_that(mode, name):
    refused(tar_of(FILES, mode=mode), f"x.tar: is compressed with {name}; decompress it")


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.LNKTYPE, "is a hard link"),
        (tarfile.SYMTYPE, "is a symbolic link"),
        (tarfile.CHRTYPE, "is a character device"),
        (tarfile.BLKTYPE, "is a block device"),
        (tarfile.FIFOTYPE, "is a named pipe"),
        (tarfile.GNUTYPE_SPARSE, "is a sparse file"),
        (b"Z", "is of the unknown type"),
    ],
)
def test_all_but_plain_files_is_refused(kind, word):
    header = tarfile.TarInfo("n1/evil.JPEG")
    header.type, header.linkname = kind, "/etc/passwd"
    refused(header.tobuf() + bytes(1024), f"x.tar: member 'n1/evil.JPEG' {word}.*only plain files are read")


def test_headers_that_change_the_next_one_are_refused():
    name = "a" * 300
    refused(tar_of({name: b"x"}, format=tarfile.GNU_FORMAT), "is a GNU long name")
    refused(tar_of({name: b"x"}, format=tarfile.PAX_FORMAT), r"is an extended \(pax\) header")


@pytest.mark.parametrize(
    "name", ["../one.JPEG", "a/../../one.JPEG", "/one.JPEG", "a/..", "..\\one.JPEG", "", "./../x"]
)
def test_names_that_lead_outside_are_refused(tmp_path, name):
    header = tarfile.TarInfo(name)
    refused(header.tobuf() + bytes(1024), "has a name that is not safe")
    if name and "\\" not in name:
        check_zip(tmp_path, {name: b"x"}, "has a name that is not safe")


def with_size(field):
    """A header with these bytes as the size, and the sum that makes it valid."""
    header = bytearray(tarfile.TarInfo("one.JPEG").tobuf())
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + bytes(2048)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (tarfile.itn(2**33 + 5, 12, tarfile.GNU_FORMAT), "has a broken size"),
        (tarfile.itn(-512, 12, tarfile.GNU_FORMAT), "has a broken size"),  # tarfile follows it in circles
        (b"-0000000512\0", "has a broken size"),
        (b"0o000000017\0", "has a broken size"),
        (b"07777777777\0", r"has a size of 1,073,741,823 bytes, and it can be 0 … 268,435,456"),
        (b"00000010000\0", "the archive is cut off in member 'one.JPEG'"),
    ],
)
def test_sizes_that_cannot_be_are_refused(field, message):
    refused(with_size(field), message)


def test_changed_bytes_never_lead_outside():
    draw, whole, outcomes = random.Random(0), tar_of(FILES), set()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(6 * 512)] = draw.randrange(256)
        try:
            found = members(bytes(data))
            outcomes.add(all(0 <= m.start <= m.start + m.size <= len(data) for m in found))
        except InputError as error:
            outcomes.add("refused" if "\n" not in str(error) else str(error))
    assert outcomes == {True, "refused"}


def test_a_missing_archive_is_named(tmp_path):
    with (
        pytest.raises(InputError, match=r"x.tar: cannot be opened: No such file"),
        opened(tmp_path / "x.tar"),
    ):
        pass


def write_zip(path, files, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)


def zipped(path):
    members = zip_members(path)
    return Zipped.of(path, members, [member.filename for member in members])


def check_zip(folder, files, message):
    write_zip(folder / "x.zip", files)
    refused_zip(folder / "x.zip", message)


def refused_zip(path, message):
    with pytest.raises(InputError, match=message) as caught:
        zip_members(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_members_are_read_as_by_zipfile(tmp_path, compression):
    path = tmp_path / "x.zip"
    files = {f"d/{i}.JPEG": os.urandom(50) + bytes(i * 100) for i in range(50)} | {"d/empty.JPEG": b""}
    write_zip(path, {"d/": b"", **files}, compression)
    images = zipped(path)
    with zipfile.ZipFile(path) as archive:
        expected = [archive.read(name) for name in images.names]
    assert list(images.names) == list(files)
    assert images.lengths.tolist() == [len(data) for data in expected]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(images.read, range(len(images)))) == expected
    assert images.where(3) == f"{path}: d/3.JPEG"


def test_unusual_zip_members_are_refused(tmp_path):
    path = tmp_path / "x.zip"
    write_zip(path, {"one.JPEG": b"x"}, zipfile.ZIP_BZIP2)
    refused_zip(path, "'one.JPEG': has compression method 12; it can be stored or deflated")
    link = zipfile.ZipInfo("one.JPEG")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    refused_zip(path, "'one.JPEG': is a link or a device")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.JPEG", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("one.JPEG", b"2")
    refused_zip(path, "holds 'one.JPEG' twice")


def patched(path, offset, value):
    """The one member's entry in the archive's directory with other bytes at an offset."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2") + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (8, b"\1\0", "'one.JPEG': is encrypted"),
        (24, (2**29).to_bytes(4, "little"), "'one.JPEG': 536,870,912 bytes are too many for an image"),
        (20, (2**20).to_bytes(4, "little"), "'one.JPEG' overlaps what follows it"),
        (42, (2**20).to_bytes(4, "little"), "'one.JPEG' overlaps what follows it"),
        (6, b"\xff\0", "cannot be read as a zip archive: zip file version 25.5"),
        (0, b"XX", "cannot be read as a zip archive: Bad magic number"),
    ],
)
def test_lying_directories_of_zips_are_refused(tmp_path, offset, value, message):
    write_zip(tmp_path / "x.zip", {"one.JPEG": b"x" * 1000})
    patched(tmp_path / "x.zip", offset, value)
    refused_zip(tmp_path / "x.zip", message)


def test_a_zip_without_files_and_a_file_without_a_name(tmp_path):
    write_zip(tmp_path / "x.zip", {"d/": b""})
    assert zip_members(tmp_path / "x.zip") == []
    write_zip(tmp_path / "x.zip", {"\0": b""})  # zipfile ends a name at its first zero byte
    refused_zip(tmp_path / "x.zip", "member '' has a name that is not safe")


def test_members_that_overlap_are_refused(tmp_path):
    write_zip(tmp_path / "x.zip", {"one.JPEG": b"x" * 1000, "two.JPEG": b"x" * 1000})
    patched(tmp_path / "x.zip", 42, bytes(4))  # the second lies where the first does
    refused_zip(tmp_path / "x.zip", "overlaps what follows it")


def test_a_member_is_never_unpacked_beyond_its_declared_size(tmp_path):
    path = tmp_path / "x.zip"
    write_zip(path, {"one.JPEG": bytes(10_000_000)})
    patched(path, 24, (100).to_bytes(4, "little"))
    images = zipped(path)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"one.JPEG: is not what the archive's directory says"):
        images.read(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000  # bytes; the member unpacks to ten million


def test_damaged_zips_are_named(tmp_path):
    path = tmp_path / "x.zip"
    write_zip(path, {"one.JPEG": os.urandom(1000)}, zipfile.ZIP_STORED)
    whole = path.read_bytes()
    for content, message in (
        (b"", "not a zip file"),
        (b"<html>", "not a zip file"),
        (whole[:-30], "not a zip file"),
    ):
        path.write_bytes(content)
        refused_zip(path, f"cannot be read as a zip archive: .*{message}")
    path.write_bytes(whole)
    images = zipped(path)
    for change, message in (
        (whole[:500] + bytes([whole[500] ^ 1]) + whole[501:], "is not what the archive's directory says"),
        (b"XX" + whole[2:], "there is no header of a zip member at byte 0"),
        (whole[:500], "is not what the archive's directory says"),
    ):
        path.write_bytes(change)
        with pytest.raises(InputError, match=f"one.JPEG: {message}"):
            images.read(0)


def test_changed_bytes_in_a_zip_are_refused_or_change_nothing(tmp_path):
    path, files = tmp_path / "x.zip", {f"{i}.JPEG": bytes([i]) * 300 for i in range(3)}
    write_zip(path, files)
    draw, whole, outcomes = random.Random(0), path.read_bytes(), set()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            images = zipped(path)
            outcomes.add({images.read(i) for i in range(len(images))} <= set(files.values()))
        except InputError as error:
            outcomes.add("refused" if "\n" not in str(error) else str(error))
    assert outcomes == {True, "refused"}
