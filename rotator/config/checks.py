"""Which mistakes show only when definitions are laid side by side? Names twice, two writers of one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rotator.config.building import mapping_of
from rotator.config.connections import WrittenConnection
from rotator.config.problems import Problems, Spot
from rotator.config.reading import Place
from rotator.config.rotations import WrittenDestination, WrittenRotation
from rotator.config.settings import Daemon
from rotator.domain.model import Folder
from rotator.entra.options import tenant_and_client


def check_unique(rows: Iterable[tuple[Spot, object]], problems: Problems) -> None:
    """No name stands twice, in whatever file; the later one is told where the first is."""
    first: dict[str, Place] = {}
    for spot, raw in rows:
        name = raw.get("name") if isinstance(raw, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            problems.add(spot / "name", f"{name!r} is taken (another name; the first is at {first[name]})")
        else:
            first[name] = spot.place("name")


def check_own_names(
    owners: Sequence[WrittenConnection], rows: Iterable[tuple[Spot, object]], problems: Problems
) -> None:
    """The rotation of a connection's own secret has a name too, and each client id is rotated once."""
    reserved = {f"connection-{each.options.name}": each for each in owners}
    for spot, raw in rows:
        name = raw.get("name") if isinstance(raw, dict) else None
        if isinstance(name, str) and name in reserved:
            place = reserved[name].spot.place()
            problems.add(spot / "name", f"{name!r} is taken (another name; the connection at {place} rotates under it)")
    first: dict[tuple[str, str], WrittenConnection] = {}
    for each in owners:
        other = first.setdefault(tenant_and_client(each.options), each)
        if other is not each:
            what = f"the connection {other.options.name} rotates the secret of this client id already"
            problems.add(each.spot / "isAutoRotationEnabled", f"{what} (one of the two)")


def check_places(rotations: Sequence[WrittenRotation], problems: Problems) -> None:
    """No two rotations write one place, nor one file in two formats."""
    places = [(written, n, each) for written in rotations for n, each in enumerate(written.destinations)]
    first: dict[str, WrittenRotation] = {}
    for written, n, each in places:
        taken = {claim: first.setdefault(claim, written) for claim in sorted(_claims(written, each))}
        for claim in (claim for claim, other in taken.items() if other is not written):
            problems.add(_spot_of_names(written, n), _taken(claim, taken[claim]))
    forms: dict[str, object] = {}
    for written, n, each in places:
        form = each.rule.options.get("format")
        if forms.setdefault(each.rule.name, form) != form:
            what = f"{each.rule.name} has another format in another rotation (one format a file)"
            problems.add(_spot_of_names(written, n), what)


def _claims(written: WrittenRotation, destination: WrittenDestination) -> set[str]:
    options = written.options
    names = destination.rule.names or destination.options.default_names(mapping_of(options))
    folder = Folder(options.project, options.environment, options.secret_path)
    return destination.options.claims(folder, names.values())


def check_signal(daemon: Daemon, names: Iterable[str], at: Spot, problems: Problems) -> None:
    """SIGUSR1 rotates rotations that exist."""
    if isinstance(daemon.on_usr1, str):
        return
    known = set(names)
    for n, name in enumerate(daemon.on_usr1):
        if name not in known:
            problems.add(at / "daemon" / "onUsr1" / n, f"{name!r} is not a rotation (all | due | names of rotations)")


def warn_about_sharing(rotations: Sequence[WrittenRotation], tenants: Mapping[str, str], warnings: Problems) -> None:
    """Two rotations on one application are allowed, and seldom meant."""
    first: dict[tuple[str, str], WrittenRotation] = {}
    for written in rotations:
        named = written.options.parameters
        tenant = tenants[written.options.connection]
        ids = filter(None, (named.object_id, named.client_id))
        others = [other for each in ids if (other := first.setdefault((tenant, each), written)) is not written]
        if others:
            what = f"the same application as {others[0].options.name!r} at {others[0].spot.place()}"
            warnings.add(written.at("parameters"), f"{what} (one rotation an application is simpler)")


def _taken(claim: str, other: WrittenRotation) -> str:
    return f"{claim} is written by {other.options.name!r} too, at {other.spot.place()} (each place has one writer)"


def _spot_of_names(written: WrittenRotation, n: int) -> Spot:
    at = written.at("destinations", n)
    return at if at.has(()) else written.at("secretsMapping")
