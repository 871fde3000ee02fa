"""The command line: verbs, no hyperparameter flags. Exit codes: 0 done, 1 failed, 2 wrong input, 130 stopped."""

import signal
import sys
from types import FrameType

import click
import typer

from trickbag.cli import catalogue, stages, train
from trickbag.errors import InputError

app = typer.Typer(
    help="The lab that tells you which training tricks work: on your images, your network, your budget.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    stages.demo,
    stages.study,
    stages.plan,
    stages.run,
    stages.status,
    stages.analyze,
    stages.report,
):
    app.command()(command)
app.command()(train.train)
app.command("list")(catalogue.list_)
app.command()(catalogue.show)


def main() -> None:
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    try:
        result = app(arguments, prog_name="trickbag", standalone_mode=False)
    except InputError as error:
        print(f"trickbag: {error}", file=sys.stderr)
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print("trickbag: stopped; run the same command again to continue", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        return 0
    return int(result or 0)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt
