"""The life of a process, tried with real processes and signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]

PRELUDE = """
import asyncio
from kube import process, telemetry
from kube.errors import ConfigurationError, Unreachable
process.DRAIN_SECONDS = process._CANCEL_SECONDS = 0.3
def say(text): print(text, flush=True)
telemetry.configure_logging("INFO", "json")
async def endless(name):
    say("ready")
    try:
        await asyncio.Event().wait()
    finally:
        say(name + " ended")
"""


@contextmanager
def started(main: str) -> Generator[subprocess.Popen[str]]:
    code = f"{PRELUDE}\n{main}\nprocess.run(main)\nsay('returned')"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def outcome(child: subprocess.Popen[str], *signals: signal.Signals) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, after it is ready and has got these signals."""
    assert child.stdout is not None
    head = child.stdout.readline() if signals else ""
    for number in signals:
        child.send_signal(number)
    out, err = child.communicate(timeout=20)
    return child.returncode, head + out, err


def test_sigterm_ends_all_jobs_and_returns() -> None:
    with started("async def main(stop): await process.run_until(stop, endless('a'))") as child:
        code, out, _ = outcome(child, signal.SIGTERM)
    assert (code, out.split("\n")) == (0, ["ready", "a ended", "returned", ""])


def test_a_main_that_returns_ends_the_process_well() -> None:
    with started("async def main(stop): say('done')") as child:
        assert outcome(child)[:2] == (0, "done\nreturned\n")


def test_an_expected_failure_is_one_line_even_out_of_several_jobs() -> None:
    main = """
async def fails(): raise ConfigurationError("no kubeconfig: set it")
async def main(stop): await process.run_until(stop, endless("a"), fails())
"""
    with started(main) as child:
        code, out, err = outcome(child)
    assert (code, err) == (1, "error: no kubeconfig: set it\n")
    assert "a ended" in out


def test_a_bug_shows_its_traceback() -> None:
    with started("async def main(stop): raise KeyError('a bug')") as child:
        code, _, err = outcome(child)
    assert code == 1
    assert "Traceback" in err
    assert "KeyError: 'a bug'" in err


def test_a_main_that_does_not_end_is_cut_off_after_the_drain_time() -> None:
    with started("async def main(stop): await endless('a')") as child:
        code, out, err = outcome(child, signal.SIGTERM)
    assert (code, out) == (1, "ready\na ended\n")
    assert "error: stopped before work in progress had ended" in err


def test_a_second_signal_cuts_off_at_once() -> None:
    main = "process.DRAIN_SECONDS = 60\nasync def main(stop):\n    await endless('a')"
    with started(main) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        assert '"signal": "SIGINT"' in child.stderr.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 1
