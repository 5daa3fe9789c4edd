"""What does it take to keep credentials for rotator? The whole protocol of `readBack`, in the standard library alone.

As a program (`python keeper.py FILE`) it reads a message on standard input and keeps everything in FILE.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from zlib import crc32

# Hundreds of processes are started from here: what is imported is what a test takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Plain = dict[str, Any]


class Changed(Exception):
    """Something else is there than whoever writes has read."""


class Keeper:
    """Texts by name, and the marks that say whose they are."""

    def __init__(self, state: Plain | None = None) -> None:
        self.state: Plain = state or {"content": {}, "marks": []}

    @property
    def content(self) -> dict[str, str]:
        content: dict[str, str] = self.state["content"]
        return content

    def take(self, message: Plain) -> Plain | None:
        """The answer to a message; None: nothing is there. Raises Changed."""
        if message["operation"] == "write":
            self._write(message)
        elif message["operation"] == "remove":
            self._remove(message)
        return self.told(message)

    def told(self, message: Plain) -> Plain | None:
        mine = self._mine(message)
        names = [*message["names"], *(mine["names"] if mine else ())]
        found = {name: self.content[name] for name in names if name in self.content}
        if not found:
            return None
        owners = [self._owner(name, mine) for name in message["names"] if name in found]
        strangers = [owner for owner in owners if owner is None or owner is not mine]
        mark = mine if not strangers else None if None in strangers else strangers[0]
        owner = [mark["installation"], mark["rotation"], mark["key"]] if mark else []
        version = crc32(json.dumps([message["names"], found, owner], sort_keys=True).encode())
        return {"mark": mark, "version": f"{version:08x}"}

    def _write(self, message: Plain) -> None:
        mark, texts, mine = message["mark"], message["secrets"], self._mine(message)
        if mine and mine["token"] > mark["token"]:
            raise Changed(f"a newer holder (fencing token {mine['token']}) has written it")
        if mine == mark and all(self.content.get(name) == text for name, text in texts.items()):
            return
        self._compare(message)
        for name in mine["names"] if mine else ():
            self.content.pop(name, None)
        others = [each for each in self.state["marks"] if each is not mine]
        for each in others:
            each["names"] = [name for name in each["names"] if name not in texts]
        self.state["marks"] = [*(each for each in others if each["names"]), mark]
        self.content.update(texts)

    def _remove(self, message: Plain) -> None:
        mine = self._mine(message)
        if self.told(message) is not None:
            self._compare(message)
        for name in mine["names"] if mine else ():
            self.content.pop(name, None)
        self.state["marks"] = [each for each in self.state["marks"] if each is not mine]

    def _compare(self, message: Plain) -> None:
        told = self.told(message)
        if (told["version"] if told else None) != message["over"]:
            raise Changed("it was changed by somebody else since it was read")

    def _mine(self, message: Plain) -> Plain | None:
        who = (message["installation"], message["rotationId"])
        return next((each for each in self.state["marks"] if (each["installation"], each["rotation"]) == who), None)

    def _owner(self, name: str, mine: Plain | None) -> Plain | None:
        ordered = ([mine] if mine else []) + [each for each in self.state["marks"] if each is not mine]
        return next((each for each in ordered if name in each["names"]), None)


def main(path: str) -> int:
    with open(path, "a+") as file:  # noqa: PTH123 - as above
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        keeper = Keeper(json.loads(file.read() or "null"))
        try:
            told = keeper.take(json.load(sys.stdin))
        except Changed as changed:
            sys.stderr.write(f"{changed}\n")
            return os.EX_TEMPFAIL
        file.truncate(0)
        json.dump(keeper.state, file)
    sys.stdout.write(json.dumps(told) if told else "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
