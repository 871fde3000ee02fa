"""What is timed of streamed images is a stream at work, with the threads that a run will have."""

import threading
from pathlib import Path

from test_data_stream import loaders, streamed  # noqa: F401

from trickbag.data.view import EncodedImages
from trickbag.run.calibrate import LEAST, WARM_UP, _time
from trickbag.train import build_session, lap, resolve
from trickbag.train.clock import Clock


def watched(monkeypatch):
    """Whether images are being decoded ahead, each time that somebody looks at a run's clock."""
    seen, now = [], Clock.now
    monkeypatch.setattr(Clock, "now", lambda clock: seen.append(bool(loaders())) or now(clock))
    return seen


def test_the_clock_of_a_lap_starts_and_stops_while_images_are_decoded_ahead(streamed, monkeypatch):  # noqa: F811
    recipe, machine = streamed
    session = build_session(resolve(recipe, machine), 1, machine)
    seen = watched(monkeypatch)
    lap(session, 4)
    assert seen == [True, True]
    assert session.step == 5
    assert not loaders()


def test_the_steps_of_a_calibration_are_those_of_one_stream(streamed, monkeypatch):  # noqa: F811
    recipe, machine = streamed
    seen = watched(monkeypatch)
    _time(recipe, machine, Path())
    assert seen == sorted(seen)  # once it is at work it stays so
    assert (
        sum(seen) > LEAST + WARM_UP - 2
    )  # the clock is looked at after each of these steps but those of the warm-up
    assert not loaders()


def test_all_that_a_run_decodes_is_decoded_by_its_own_number_of_threads(streamed, monkeypatch):  # noqa: F811
    recipe, machine = streamed
    machine = machine.model_copy(update={"loaders": 1})
    resolved = resolve(recipe, machine)
    monkeypatch.setattr("trickbag.data.stores.loading.available_cores", lambda: 8)
    names, pixels = set(), EncodedImages.pixels
    monkeypatch.setattr(
        EncodedImages, "pixels", lambda *a: names.add(threading.current_thread().name) or pixels(*a)
    )
    build_session(resolved, 1, machine)  # decodes for the statistics of the training images
    assert names == {"trickbag-loader_0"}
