"""The command line: verbs, no hyperparameter flags. Exits with 0 done, 1 failed, 2 wrong input, 130 stopped."""

import functools
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import ParamSpec

import typer

from trickbag.cli import catalogue, info, plan, prepare, stages, timing, train, verify
from trickbag.cli.console import say
from trickbag.errors import HaltedError, InputError

P = ParamSpec("P")
PATIENCE = 2.0  # seconds that a thread has to end in, once all was stopped

app = typer.Typer(
    help="The lab that tells you which training tricks work: on your images, your network, your budget.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with wrong input as one line and exit code 2, an interruption as exit code 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            try:
                command(*args, **kwargs)
            finally:
                sys.stdout.flush()
        except InputError as error:
            say(f"trickbag: {error}", sys.stderr)
            raise typer.Exit(2) from None
        except HaltedError as error:
            say(f"trickbag: {error}", sys.stderr)
            raise typer.Exit(1) from None
        except OSError as error:
            if isinstance(error, BrokenPipeError) and _reader_left():
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(128 + signal.SIGPIPE) from None
            say(f"trickbag: {error.filename or 'a file'}: {error.strerror or error}", sys.stderr)
            raise typer.Exit(2 if error.filename else 1) from None
        except KeyboardInterrupt:
            print("trickbag: stopped; the same command goes on from what is kept", file=sys.stderr)
            raise typer.Exit(130) from None

    return run


@app.callback()
@guarded
def alone(context: typer.Context) -> None:
    """Refuse torchrun for all but `train`: it would do the same work many times over."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # each process would print torch's warnings
    if context.invoked_subcommand == "train":
        return
    if os.environ.get("RANK") != "0":
        raise typer.Exit(2)
    raise InputError(
        f"{context.invoked_subcommand}: torchrun is for `trickbag train`; a study takes machine.devices=N, by which "
        "each of its runs is trained on N devices"
    )


for command in (
    stages.demo,
    stages.study,
    plan.plan,
    stages.run,
    stages.status,
    stages.analyze,
    stages.report,
    timing.time,
):
    app.command()(guarded(command))
app.command("open-test")(guarded(stages.open_test))
app.command()(guarded(train.train))
app.command("list")(guarded(catalogue.list_))
app.command()(guarded(catalogue.show))

on_data = typer.Typer(help="Get, prepare, check and look at data sets.", no_args_is_help=True)
on_data.command()(guarded(prepare.prepare))
on_data.command()(guarded(verify.verify))
on_data.command()(guarded(info.info))
app.add_typer(on_data, name="data")


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app(prog_name="trickbag")
    except SystemExit as stop:
        if stop.code == 130:
            _leave(130)
        raise


def _reader_left() -> bool:
    """Whether nobody reads stdout any more, as behind `| head`."""
    ask = select.poll()
    ask.register(sys.stdout, 0)
    return any(events & select.POLLERR for _, events in ask.poll(0))


def _leave(code: int) -> None:
    """End the process even where an interruption left a thread waiting for ever.

    An interruption may hit the main thread while it holds a lock of a thread pool, whose threads then wait for it, and
    Python for them. All that is to be kept is in files by now.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        thread.join(PATIENCE)
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt
