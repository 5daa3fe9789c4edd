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
#: Seconds to end in after SIGTERM, before SIGKILL; and to say the last words in.
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
    """Run it in a session of its own, with `feed` to read. Raises NotStarted, TooSlow.

    What it has started may live on after an end in time, even with our pipes open; after TooSlow it does not.
    """
    transport, watch = await _started(command, feed, how)
    try:
        async with asyncio.timeout(how.seconds):
            await watch.ended.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await watch.silent.wait()
        return Ended(transport.get_returncode() or 0, bytes(watch.said[1]), bytes(watch.said[2]))
    except TimeoutError:
        raise TooSlow from None
    finally:
        await _end(transport, watch)
        transport.close()


class _Watch(asyncio.SubprocessProtocol):
    """Keeps the beginning of what it says; the rest is read and dropped, so that it need not wait."""

    def __init__(self) -> None:
        self.said = {1: bytearray(), 2: bytearray()}
        self.ended = asyncio.Event()
        self.silent = asyncio.Event()
        self._open = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.said[fd] += data[: _MOST - len(self.said[fd])]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio calls it
        self._open.discard(fd)
        if not self._open:
            self.silent.set()

    def process_exited(self) -> None:
        self.ended.set()


async def _started(command: Sequence[str], feed: bytes, how: Manner) -> tuple[asyncio.SubprocessTransport, _Watch]:
    reader = _filled_pipe(feed) if how.descriptor else None
    number = {"ROTATOR_FD": str(reader)} if reader is not None else {}
    try:
        transport, watch = await asyncio.get_running_loop().subprocess_exec(
            _Watch,
            *command,
            stdin=asyncio.subprocess.PIPE if reader is None else asyncio.subprocess.DEVNULL,
            env={**how.environment, **number},
            start_new_session=True,
            pass_fds=() if reader is None else (reader,),
        )
    except (OSError, ValueError) as exc:
        raise NotStarted(os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else str(exc)) from None
    finally:
        if reader is not None:
            os.close(reader)
    pipe = transport.get_pipe_transport(0)
    if isinstance(pipe, asyncio.WriteTransport):
        # A program that does not read it all is free not to.
        pipe.write(feed)
        pipe.write_eof()
    return transport, watch


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


async def _end(transport: asyncio.SubprocessTransport, watch: _Watch) -> None:
    """Nothing of it goes on: neither the program nor what it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if watch.ended.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), how)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await watch.ended.wait()
