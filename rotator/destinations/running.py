"""How is a program run that is to read something secret? With a pipe: never in its arguments or environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: What a program gets of our environment: enough to run, nothing that could be a credential of ours.
_HARMLESS = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
)
#: More of its output is not kept.
_MOST = 1 << 16
#: So much fits into a pipe everywhere.
_PIPE = 1 << 14
#: Seconds to end in after SIGTERM, before SIGKILL.
_GRACE = 2.0


class NotStarted(Exception):
    """The program could not be started; says why, in the words of the operating system."""


class TooSlow(Exception):
    """It did not end in time, and was ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. Its output may hold what it was given."""

    status: int
    out: bytes = field(default=b"", repr=False)
    err: bytes = field(default=b"", repr=False)

    @property
    def last_words(self) -> str:
        """The last line it wrote to standard error."""
        lines = self.err.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    @property
    def how(self) -> str:
        """Its exit status or signal, for people."""
        if self.status < 0:
            return f"it was ended by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


@dataclass(frozen=True, slots=True)
class Manner:
    """How it is run: for how long at most, with which environment, and what it reads from."""

    seconds: float
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: It reads from the descriptor that ROTATOR_FD numbers, and has nothing on standard input.
    descriptor: bool = False


async def run(command: Sequence[str], feed: bytes, how: Manner) -> Ended:
    """Run it in a session of its own, with `feed` to read. Raises NotStarted, TooSlow."""
    process = await _started(command, feed, how)
    try:
        async with asyncio.timeout(how.seconds):
            out, err, _ = await asyncio.gather(_kept(process.stdout), _kept(process.stderr), _fed(process.stdin, feed))
            return Ended(await process.wait(), out, err)
    except TimeoutError:
        raise TooSlow from None
    finally:
        await _ended(process)


async def _started(command: Sequence[str], feed: bytes, how: Manner) -> asyncio.subprocess.Process:
    reader = _filled_pipe(feed) if how.descriptor else None
    number = {"ROTATOR_FD": str(reader)} if reader is not None else {}
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if reader is None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**how.environment, **number},
            start_new_session=True,
            pass_fds=() if reader is None else (reader,),
        )
    except (OSError, ValueError) as exc:
        raise NotStarted(os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else str(exc)) from None
    finally:
        if reader is not None:
            os.close(reader)


def _filled_pipe(feed: bytes) -> int:
    """A pipe that holds all of it already; nobody has to wait for the reader."""
    if len(feed) > _PIPE:
        raise NotStarted(f"what it is to read is larger than {_PIPE} bytes")
    reader, writer = os.pipe()
    os.write(writer, feed)
    os.close(writer)
    return reader


def harmless(environment: Mapping[str, str], also: Sequence[str] = ()) -> dict[str, str]:
    """Of our environment what any program may have, and those variables that the definition names."""
    return {name: environment[name] for name in (*_HARMLESS, *also) if name in environment}


async def _fed(pipe: asyncio.StreamWriter | None, feed: bytes) -> None:
    """A program that does not read it all is free not to."""
    if pipe is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(feed)
        await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


async def _kept(pipe: asyncio.StreamReader | None) -> bytes:
    """The beginning of its output; the rest is read and dropped, so that it need not wait."""
    assert pipe is not None
    kept = b""
    while piece := await pipe.read(_MOST):
        kept += piece[: _MOST - len(kept)]
    return kept


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Nothing of it goes on: neither the program nor what it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
