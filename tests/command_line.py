"""The command line for tests: in this process, where its words, its output and its exit code are the question."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from trickbag.cli.main import app

ROOT = Path(__file__).parent.parent


def trickbag(*words: str | Path, code: int = 0) -> str:
    """Run the command line in this process; what it prints on stdout, or on stderr where it fails."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    finally:
        for number, handler in handlers.items():  # `train` sets its own, for the life of a process
            signal.signal(number, handler)
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stderr if code else done.stdout


def trickbag_process(*words: str | Path, code: int = 0) -> str:
    """The same in a process of its own, as a person starts it; costs seconds."""
    done = subprocess.run(
        [sys.executable, "-m", "trickbag", *map(str, words)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout
