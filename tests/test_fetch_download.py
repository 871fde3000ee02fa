"""Downloads against a real local server that misbehaves; the right bytes and sums come from the tests and hashlib."""

import fcntl
import hashlib
import io
import multiprocessing
import os
import re
import shutil
import signal
import socket
import threading
import time
from email.message import Message
from functools import partial
from urllib.request import Request

import pytest
from http_server import file, running, status
from torchvision import datasets

from trickbag.data.fetch import download, fetch, official
from trickbag.data.fetch.download import Paced
from trickbag.data.fetch.official import OFFICIAL, File
from trickbag.data.fetch.part import claim
from trickbag.data.fetch.transfer import Patience
from trickbag.data.fetch.web import _Redirects
from trickbag.data.progress import Progress
from trickbag.data.sources.cifar import CIFAR10
from trickbag.errors import InputError

DATA = bytes(range(256)) * 1200 + b"the end"  # 307,207 bytes
MD5 = f"md5:{hashlib.md5(DATA).hexdigest()}"
QUICK = Patience(timeout=5, tries=3, pause=0)
FORK = multiprocessing.get_context("fork")

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running() as server:
        yield server


@pytest.fixture
def to(tmp_path):
    return tmp_path / "deep" / "file.tar.gz"


def names(to):
    """What lies in the folder of a download."""
    return sorted(path.name for path in to.parent.iterdir())


def fails(*args, **kwargs):
    """The one line of a download that fails."""
    with pytest.raises(InputError) as caught:
        download(*args, patience=kwargs.pop("patience", QUICK), **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def half_done(server, to, url="/file", **kwargs):
    """A download that broke off for good after 100,000 bytes; the requests so far are forgotten."""
    address = server.put(url, file(DATA, stop=100_000, **kwargs), status(503))
    assert "100,000 bytes are kept" in fails(address, to, patience=QUICK._replace(tries=1))
    assert names(to) == ["file.tar.gz.part", "file.tar.gz.part.json"]
    server.asked.clear()
    server.served = 0
    return address


def test_a_file_comes_whole_and_a_finished_one_is_not_asked_for_again(server, to):
    url = server.put("/file", file(DATA))
    assert download(url, to, size=len(DATA), checksum=MD5) == to
    assert to.read_bytes() == DATA
    assert names(to) == ["file.tar.gz"]
    download(url, to, size=len(DATA), checksum=MD5)
    download(url, to)
    assert len(server.asked) == 1


def test_a_finished_file_with_wrong_bytes_is_replaced(server, to):
    to.parent.mkdir()
    to.write_bytes(DATA[:-1] + b"?")
    assert download(server.put("/file", file(DATA)), to, checksum=MD5).read_bytes() == DATA


def test_a_broken_connection_is_resumed_with_the_mark_of_the_file(server, to):
    stops = [50_000, 120_000, 300_001, None]
    url = server.put("/file", *(file(DATA, stop=stop) for stop in stops))
    download(url, to, size=len(DATA), checksum=MD5, patience=QUICK)
    assert to.read_bytes() == DATA
    assert server.ranges() == [None, "bytes=50000-", "bytes=120000-", "bytes=300001-"]
    assert server.asked[1].headers["If-Range"] == f'"{MD5[4:]}"'
    assert server.served == len(DATA)  # not one byte twice


def test_a_later_call_goes_on(server, to):
    url = half_done(server, to)
    server.put("/file", file(DATA))
    assert download(url, to, checksum=MD5).read_bytes() == DATA
    assert server.ranges() == ["bytes=100000-"]
    assert names(to) == ["file.tar.gz"]


def test_a_server_that_knows_no_ranges_starts_again(server, to):
    url = half_done(server, to)
    server.put("/file", file(DATA, ranges=False))
    assert download(url, to, checksum=MD5).read_bytes() == DATA
    assert server.ranges() == ["bytes=100000-"]
    assert server.served == len(DATA)


def test_a_file_that_has_changed_is_taken_anew(server, to):
    """Without a checksum, so that nothing but the marks could tell."""
    url = half_done(server, to)
    other = DATA[::-1]
    server.put("/file", file(other))
    assert download(url, to).read_bytes() == other


def ignores_the_mark(data):
    """A server that sends the rest of the new file although the old one was asked for."""

    def give(exchange):
        where = f"bytes {exchange.start}-{len(data) - 1}/{len(data)}"
        exchange.head(206, Content_Length=len(data) - exchange.start, Content_Range=where, ETag='"new"')
        exchange.body(data[exchange.start :])

    return give


def test_a_rest_with_another_mark_is_not_joined(server, to):
    url = half_done(server, to)
    other = DATA[::-1]
    server.put("/file", ignores_the_mark(other), file(other))
    assert download(url, to, patience=QUICK).read_bytes() == other
    assert server.ranges() == ["bytes=100000-", None]


def test_a_file_that_has_become_shorter_is_taken_anew(server, to):
    url = half_done(server, to, tag=None)
    server.put("/file", file(DATA[:60_000], tag=None))
    short = f"md5:{hashlib.md5(DATA[:60_000]).hexdigest()}"
    assert download(url, to, checksum=short, patience=QUICK).read_bytes() == DATA[:60_000]
    assert server.ranges() == ["bytes=100000-", None]


def test_without_a_mark_and_a_checksum_nothing_is_joined(server, to):
    url = half_done(server, to, tag=None)
    server.put("/file", file(DATA, tag=None))
    assert download(url, to).read_bytes() == DATA
    assert server.ranges() == [None]


def test_bytes_of_another_address_are_not_joined(server, to):
    half_done(server, to)
    assert download(server.put("/other", file(DATA)), to).read_bytes() == DATA
    assert server.ranges() == [None]


def test_a_damaged_note_means_from_the_start(server, to):
    url = half_done(server, to)
    to.with_name("file.tar.gz.part.json").write_text('{"url": 3')
    server.put("/file", file(DATA))
    assert download(url, to).read_bytes() == DATA
    assert server.ranges() == [None]


@pytest.mark.parametrize("where", [f"bytes 50000-307206/{len(DATA)}", "bytes */*", "lines 1-2/3", None])
def test_a_wrong_piece_is_not_joined(server, to, where):
    def wrong(exchange):
        headers = {"Content_Range": where} if where else {}
        exchange.head(206, Content_Length=len(DATA) - 50_000, **headers)
        exchange.body(DATA[50_000:])

    url = half_done(server, to)
    server.put("/file", wrong, file(DATA))
    assert download(url, to, patience=QUICK).read_bytes() == DATA
    assert server.ranges() == ["bytes=100000-", None]  # it is not asked for pieces again


def test_another_length_than_expected_is_another_file(server, to):
    url = server.put("/file", file(DATA))
    line = fails(url, to, size=len(DATA) + 1)
    assert line == f"{url}: is 307,207 bytes long, expected are 307,208: it is another file"
    assert names(to) == []


def test_a_length_that_is_too_large_ends_in_one_line(server, to):
    def give(exchange):
        exchange.head(200, Content_Length=len(DATA) + 10)
        exchange.body(DATA)

    line = fails(server.put("/file", give), to)
    assert "ended at 307,207 of 307,217 bytes" in line
    assert not to.exists()


@pytest.mark.parametrize("length", ["much", "-5", "9" * 5000, None])
def test_a_file_of_unknown_length_is_refused(server, to, length):
    def give(exchange):
        exchange.head(200, **({"Content_Length": length} if length else {}))
        exchange.body(DATA)

    assert "does not say how long the file is" in fails(server.put("/file", give), to)
    assert names(to) == []


def test_a_server_without_a_length_is_held_to_the_expected_one(server, to):
    def give(exchange):
        exchange.head(200)
        exchange.body(DATA)

    assert download(server.put("/file", give), to, size=len(DATA), checksum=MD5).read_bytes() == DATA


def test_a_body_without_end_is_cut(server, to):
    def endless(exchange):
        exchange.head(200)
        while True:
            exchange.body(DATA)

    assert "sends more than the 307,207 bytes" in fails(server.put("/file", endless), to, size=len(DATA))
    assert names(to) == []
    assert server.served < 100 * 2**20


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_no_file_and_costs_no_bytes_that_were_there(server, to, kind):
    page = b"\n<!DOCTYPE html><title>Log in</title>"

    def portal(exchange):
        exchange.head(200, Content_Type=kind, Content_Length=len(page))
        exchange.body(page)

    url = half_done(server, to)
    server.put("/file", portal)
    assert "answers with a web page instead of the file" in fails(url, to)
    server.put("/file", file(DATA))
    assert download(url, to).read_bytes() == DATA
    assert server.ranges() == ["bytes=100000-", "bytes=100000-"]


def test_wrong_bytes_once_are_fetched_again(server, to):
    heard = []
    url = server.put("/file", file(DATA[::-1]), file(DATA))
    download(url, to, checksum=MD5, tell=lambda progress: heard.append(progress.what))
    assert to.read_bytes() == DATA
    assert server.ranges() == [None, None]
    assert "the bytes were wrong: downloading again file.tar.gz" in heard


def test_wrong_bytes_twice_are_deleted_and_said(server, to):
    url = server.put("/file", file(DATA[::-1]))
    found = hashlib.md5(DATA[::-1]).hexdigest()
    line = fails(url, to, checksum=MD5)
    assert line == f"{url}: has wrong bytes: their sum is md5:{found}, expected is {MD5}; they were deleted"
    assert len(server.asked) == 2
    assert names(to) == []


def test_wrong_bytes_before_a_break_are_found_too(server, to):
    """What was kept of an earlier, wrong file is thrown away once the sum shows it."""
    url = half_done(server, to)
    to.with_name("file.tar.gz.part").write_bytes(b"x" * 100_000)
    server.put("/file", file(DATA))
    assert download(url, to, checksum=MD5).read_bytes() == DATA
    assert server.ranges() == ["bytes=100000-", None]


def test_a_stall_is_resumed(server, to):
    released = threading.Event()

    def stalls(exchange):
        exchange.head(200, Content_Length=len(DATA), ETag=f'"{MD5[4:]}"')
        exchange.body(DATA[:70_000])
        exchange.handler.wfile.flush()
        released.wait(60)

    url = server.put("/file", stalls, file(DATA))
    try:
        download(url, to, checksum=MD5, patience=QUICK._replace(timeout=0.2))
    finally:
        released.set()
    assert to.read_bytes() == DATA
    assert server.ranges() == [None, "bytes=70000-"]


def test_a_server_that_only_trickles_is_given_up(server, to):
    def trickles(exchange):
        start = exchange.start
        exchange.head(
            206,
            Content_Length=len(DATA) - start,
            Content_Range=f"bytes {start}-{len(DATA) - 1}/{len(DATA)}",
        ) if start else exchange.head(200, Content_Length=len(DATA))
        for i in range(start, len(DATA)):
            exchange.body(DATA[i : i + 1])
            time.sleep(0.002)

    url = server.put("/file", trickles)
    patience = QUICK._replace(tries=2, least=10_000, window=0.1)
    line = fails(url, to, checksum=MD5, patience=patience)
    assert re.search(r"only \d+ bytes came in 0.1 seconds; [\d,]+ bytes are kept", line)
    assert len(server.asked) == 3
    server.put("/file", file(DATA))
    assert download(url, to, checksum=MD5, patience=patience).read_bytes() == DATA


def test_a_server_that_accepts_and_says_nothing_ends_in_one_line(to, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/file"
        line = fails(url, to, patience=Patience(timeout=0.1, tries=1, pause=0))
    assert line == f"{url}: no answer came for 0.1 seconds"


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(server, to, code):
    url = server.put("/file", status(code, Retry_After=0), status(code), file(DATA))
    assert download(url, to, patience=QUICK).read_bytes() == DATA
    assert len(server.asked) == 3


def test_a_server_that_stays_busy_is_given_up(server, to):
    url = server.put("/file", status(503))
    assert fails(url, to) == f"{url}: the server answers 503 Service Unavailable"
    assert len(server.asked) == 1 + QUICK.tries
    assert names(to) == []


@pytest.mark.parametrize("when", ["86400", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for(server, to, when):
    url = server.put("/file", status(429, Retry_After=when))
    assert "to be asked in" in fails(url, to)
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_refused_file_is_one_line_at_once(server, to, code):
    url = server.put("/file", status(code))
    assert fails(url, to).startswith(f"{url}: the server answers {code} ")
    assert len(server.asked) == 1
    assert names(to) == []


def test_no_network_is_one_line_at_once(to, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/file"
    assert fails(url, to).startswith(f"{url}: cannot be reached (Connection refused)")
    assert "cannot be reached" in fails("http://no-such-host.invalid/file", to)


def test_nonsense_for_http_is_one_line(to, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble():
            for _ in range(2):
                client, _ = listener.accept()
                with client:
                    client.recv(65536)
                    client.sendall(b"\x00\xffnonsense\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        line = fails(f"http://127.0.0.1:{listener.getsockname()[1]}/f", to, patience=QUICK._replace(tries=1))
        thread.join()
    assert "the connection broke" in line


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "nonsense", "http://[::1/file"])
def test_other_addresses_are_refused(to, url):
    assert "no address of a download" in fails(url, to)
    assert not to.exists()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,hello"])
def test_redirects_lead_nowhere_but_to_http(server, to, target):
    url = server.put("/file", status(302, Location=target))
    assert target in fails(url, to)
    assert names(to) == []


def test_what_is_encrypted_stays_so():
    """The rule itself, since a server with a certificate would need one that is trusted."""
    request = Request("https://host/file", headers={"Authorization": "Bearer secret"})
    follow = partial(_Redirects().redirect_request, request, io.BytesIO(), 302, "Found", Message())
    with pytest.raises(InputError, match="sends on to http://host/file, which is not safe"):
        follow("http://host/file")
    assert follow("https://host/other").headers["Authorization"] == "Bearer secret"
    assert "Authorization" not in follow("https://host:444/file").headers


def test_redirects_in_circles_end(server, to):
    url = server.put("/file", status(302, Location="/file"))
    assert "in circles" in fails(url, to)


def test_credentials_are_for_the_first_host_alone(server, to):
    with running() as other:
        other.put("/there", file(DATA))
        server.put("/moved", status(302, Location=f"{other.url}/there"))
        url = server.put("/file", status(307, Location="/moved"))
        download(url, to, headers={"Authorization": "Bearer secret"})
        assert to.read_bytes() == DATA
        assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer secret"] * 2
        assert other.asked[0].headers["Authorization"] is None


def test_a_full_disk_is_seen_first(server, to, monkeypatch):
    free = shutil.disk_usage("/")._replace(free=2**18)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    url = server.put("/file", lambda exchange: exchange.head(200, Content_Length=3 * 2**30))
    line = fails(url, to)
    assert line.startswith(f"{to.parent}: 3.00 GiB are needed, and 0.00 GiB are free")
    assert names(to) == []


def test_the_second_process_waits_and_finds_it_done(server, to):
    """The second one is held by the lock until the first one, in this process, is done."""
    url = server.put("/file", file(DATA))
    waits, done = FORK.Event(), FORK.Event()

    def second():
        download(url, to, checksum=MD5, tell=lambda progress: waits.set())
        done.set()

    to.parent.mkdir()
    process = FORK.Process(target=second)
    with claim(to, lambda size: None) as part:
        process.start()
        assert waits.wait(60)
        assert not done.is_set()
        assert not server.asked
        part.append(DATA)
        part.put()
    process.join(60)
    assert process.exitcode == 0
    assert done.is_set()
    assert not server.asked
    assert names(to) == ["file.tar.gz"]


def test_two_processes_at_once_fetch_it_once(server, to):
    url = server.put("/file", file(DATA))
    processes = [FORK.Process(target=download, args=(url, to), kwargs={"checksum": MD5}) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert to.read_bytes() == DATA
    assert server.served == len(DATA)
    assert names(to) == ["file.tar.gz"]


def wait_until(happened, seconds=60):
    """Look until it has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_killed_download_goes_on_where_it_was(server, to):
    """Killed while the server holds back the rest: all bytes that were sent by then are kept."""
    released, killed_at = threading.Event(), [30_000, 30_001, 200_000]

    def holds_back(stop):
        def give(exchange):
            start = exchange.start
            exchange.head(
                206 if start else 200,
                Content_Length=len(DATA) - start,
                ETag='"1"',
                **({"Content_Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"} if start else {}),
            )
            exchange.body(DATA[start:stop])
            released.wait(60)

        return give

    url = server.put("/file", *map(holds_back, killed_at), file(DATA, tag='"1"'))
    part = to.with_name("file.tar.gz.part")
    for stop in killed_at:
        process = FORK.Process(target=download, args=(url, to), kwargs={"checksum": MD5})
        process.start()
        wait_until(lambda stop=stop: part.exists() and part.stat().st_size >= stop)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert part.stat().st_size == stop
    released.set()
    assert download(url, to, checksum=MD5).read_bytes() == DATA
    assert server.ranges() == [None, "bytes=30000-", "bytes=30001-", "bytes=200000-"]
    assert server.served == len(DATA)


def test_a_file_system_without_locks_is_used_without(server, to, monkeypatch):
    def none(file, how):
        raise OSError(95, "Operation not supported")  # EOPNOTSUPP

    monkeypatch.setattr(fcntl, "flock", none)
    assert download(server.put("/file", file(DATA)), to, checksum=MD5).read_bytes() == DATA


def test_progress_has_the_bytes_so_far(server, to):
    heard = []
    download(server.put("/file", file(DATA * 10)), to, tell=heard.append)
    assert heard[-1] == ("downloading file.tar.gz", len(DATA) * 10, len(DATA) * 10, "bytes")
    done = [progress.done for progress in heard]
    assert done == sorted(done)


def test_progress_is_told_ten_times_a_second_at_most(monkeypatch):
    heard, clock = [], iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 100)  # 100 calls a second
    tell = Paced(heard.append)
    for done in range(300):
        tell(Progress("downloading", done, 299, "bytes"))
    assert 20 <= len(heard) <= 31
    assert (heard[0].done, heard[-1].done) == (0, 299)


@pytest.fixture
def small_table(server, monkeypatch):
    """CIFAR-10's archive as a few bytes, on a mirror; everything else of the table as it is."""
    entry = File("https://nowhere.invalid", CIFAR10.archive, len(DATA), MD5)
    monkeypatch.setitem(OFFICIAL, "cifar10", (entry,))
    monkeypatch.setenv(official.MIRROR, f"{server.url}/mirror/")
    server.put(f"/mirror/{CIFAR10.archive}", file(DATA))


def test_fetch_takes_the_official_files_from_a_mirror(server, small_table, tmp_path):
    assert fetch("cifar10", tmp_path / "new") == tmp_path / "new"
    assert (tmp_path / "new" / "cifar-10-python.tar.gz").read_bytes() == DATA
    fetch("cifar10", tmp_path / "new")
    assert len(server.asked) == 1


def test_fetch_says_what_to_do_where_a_file_cannot_be_had(server, small_table, tmp_path):
    server.put(f"/mirror/{CIFAR10.archive}", status(404))
    with pytest.raises(InputError, match=r"404 Not Found; or get cifar-10-python.tar.gz elsewhere and give"):
        fetch("cifar10", tmp_path)


def test_fetch_sees_a_full_disk_before_it_asks(server, small_table, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**30, 2**30, 0))
    with pytest.raises(InputError, match=r"are needed, and 0\.00 GiB are free"):
        fetch("cifar10", tmp_path)
    assert not server.asked


def test_a_mirror_is_an_address(monkeypatch, tmp_path):
    monkeypatch.setenv(official.MIRROR, "/data/mirror")
    with pytest.raises(InputError, match=r"TRICKBAG_MIRROR is '/data/mirror'; it is an address"):
        fetch("fashion_mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("imagenet", r"ILSVRC2012_img_val\.tar.*https://image-net\.org/download.*--from PATH"),
        ("digits", "nothing to download"),
        ("cifar_10", r"unknown data set to download 'cifar_10'; did you mean 'cifar10'\?"),
    ],
)
def test_fetch_refuses_other_names(tmp_path, name, line):
    with pytest.raises(InputError, match=line):
        fetch(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_table_agrees_with_torchvision():
    """Addresses and MD5 sums, where torchvision's classes have them."""
    for name, other in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        (entry,) = OFFICIAL[name]
        assert (f"{entry.home}/{entry.name}", entry.checksum) == (other.url, f"md5:{other.tgz_md5}")
    entries = [(entry.name, entry.checksum.removeprefix("md5:")) for entry in OFFICIAL["fashion_mnist"]]
    assert entries == datasets.FashionMNIST.resources
    assert {f"{entry.home}/" for entry in OFFICIAL["fashion_mnist"]} == set(datasets.FashionMNIST.mirrors)
