"""How does a credential lie on disk so that only systemd of this machine can read it? One encrypted file a name."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rotator.destinations.formats.atomic import Unfit
from rotator.destinations.formats.directory import DirectoryLayout
from rotator.destinations.marks import Mark, digest
from rotator.destinations.running import harmless
from rotator.domain.model import Secret

if TYPE_CHECKING:
    from rotator.destinations.formats.layout import Found

#: Text under the name of its credential -> the encrypted file.
Seal = Callable[[str, Secret], Secret]
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class CredentialsLayout(DirectoryLayout):
    """As the format directory, encrypted. No two encryptions are equal, so the mark tells text and file apart."""

    seal: Seal

    def check(self) -> None:
        DirectoryLayout.check(self)
        self.seal("rotator-check", Secret("nothing"))

    def look(self) -> Found:
        """A file that is as we left it shows the fingerprint of its text, any other itself."""
        found = DirectoryLayout.look(self)
        text, _, file = found.mine.digest.partition(" ") if found.mine else ("", "", "")
        if not file or file != self._print(found.content):
            return found
        return replace(found, content={name: text.encode() for name in found.content})

    def holds(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> bool:
        text = self._text(texts)
        linked = all(self._is_linked(name) for name in texts)
        same = found.content == dict.fromkeys(texts, text.encode()) and found.access == self.spot.access.wanted()
        return linked and same and found.mine is not None and replace(found.mine, digest="") == mark

    def put(self, found: Found, texts: Mapping[str, Secret], mark: Mark) -> None:
        sealed = {name: self.seal(name, text) for name, text in texts.items()}
        file = self._print({name: text.reveal().encode() for name, text in sealed.items()})
        DirectoryLayout.put(self, found, sealed, replace(mark, digest=f"{self._text(texts)} {file}"))

    def _text(self, texts: Mapping[str, Secret]) -> str:
        return digest({name: text.reveal() for name, text in texts.items()}, key=self._key)

    def _print(self, content: Mapping[str, bytes]) -> str:
        return digest({name: data.hex() for name, data in content.items()}, key=self._key)

    @property
    def _key(self) -> str:
        return f"{self.spot.installation}/{self.spot.rotation_id}/{self.spot.path}"


def sealer(environment: Mapping[str, str]) -> Seal:
    """Encrypts by `systemd-creds`, which binds the file to this machine and to the name of the credential."""

    def seal(name: str, text: Secret) -> Secret:
        program = shutil.which("systemd-creds", path=environment.get("PATH"))
        if program is None:
            hint = "It comes with systemd 250 and newer; use another format elsewhere"
            raise Unfit("there is no systemd-creds on this machine", hint=hint)
        command = [program, "encrypt", f"--name={name}", "-", "-"]
        try:
            ended = subprocess.run(  # noqa: S603 - a program of the system, its words our own
                command,
                input=text.reveal().encode(),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env=harmless(environment),
            )
        except subprocess.TimeoutExpired:
            raise Unfit(f"systemd-creds did not end within {_SECONDS} s", hint="Try it by hand") from None
        if ended.returncode or not ended.stdout.strip():
            hint = "Run rotator as a user who may (root), and try: systemd-creds encrypt --name=x - -"
            raise Unfit(f"systemd-creds cannot encrypt (exit status {ended.returncode})", hint=hint)
        return Secret(ended.stdout.decode())

    return seal
