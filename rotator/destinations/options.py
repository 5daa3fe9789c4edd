"""What do the options of all kinds of destinations have in common? A place, names, and the way to open it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from rotator.options import Options

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rotator.destinations.surroundings import Surroundings
    from rotator.domain.model import Folder, Rotation
    from rotator.ports import Destination

#: What of a credential can be delivered, in the order in which it is written.
FIELDS = ("clientId", "clientSecret", "keyId", "tenantId", "expiresAt")


class KindOptions(Options):
    """The own options of one kind of destination; those that all share (`required`, `order`...) are the rule's."""

    @abstractmethod
    def place(self) -> str:
        """The stable name of the destination within its rotation: `embedded`, `file:/run/x.env`. Holds no secret."""

    @abstractmethod
    def open(self, rotation: Rotation, names: Mapping[str, str], surroundings: Surroundings) -> Destination:
        """The destination for these names (field -> name). Does nothing on disk or network yet."""

    def default_names(self, mapping: Mapping[str, str]) -> dict[str, str]:
        """The names used when the definition gives none, from the `secretsMapping`."""
        return dict(mapping)

    def name_problems(self, names: Mapping[str, str]) -> list[str]:
        """What is wrong with these names (field -> name), one line each; empty: all may be used."""
        unknown = [f"names: {field} is not a field ({' | '.join(FIELDS)})" for field in names if field not in FIELDS]
        twice = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
        none = [] if names else [f"names: there is none ({' | '.join(FIELDS)})"]
        return [*none, *unknown, *(f"names: {name!r} is used twice (each field its own name)" for name in twice)]

    def claims(self, _folder: Folder, names: Collection[str]) -> set[str]:
        """What no second rotation may write: one text for each name, equal only if both would write the same thing."""
        return {f"{self.place()}:{name}" for name in names}
