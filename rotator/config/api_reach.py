"""What may a definition made through the API use and reach? What the operator lets it, beyond what harms nobody."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from rotator.config.problems import Problems, Spot
from rotator.destinations.hooks import HOOK_KINDS
from rotator.domain.model import DestinationRule, HookRule
from rotator.egress import is_address, is_listed, is_public

#: Kinds that need no leave, and the options of each that do. They keep to our own database, sign in as the rotation's
#: connection or not at all: nothing of this host's own (its files, its programs, its identity) is lent to the caller.
FREE_KINDS: Mapping[str, frozenset[str]] = {
    "embedded": frozenset(),
    "azure-key-vault": frozenset({"auth"}),
    "azure-app-service": frozenset({"auth"}),
    "azure-devops": frozenset({"auth"}),
    "webhook": frozenset(),
}
#: Options that name files of this host, wherever they stand in a destination's.
FILES = frozenset({"caFile", "kubeconfig", "clientCertificate", "clientKey", "credentialsFile", "tokenFile"})
#: Options that say where requests go.
_ADDRESSES = ("endpoint", "url")
#: Kinds whose address the caller may choose among public ones. All others show whoever answers there what they sign in
#: with, or bring their own HTTP, so that nobody looks at what they connect to: the operator lists their addresses.
#: A webhook's key is not sent, and Key Vault's SDK asks for no token for a vault of another name.
_FREE_ADDRESS = frozenset({"azure-key-vault", "webhook"})
_REFERENCES = frozenset({"file", "env", "credential"})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator lets the API use beyond the free kinds."""

    kinds: Collection[str] = ()
    #: Files may be read and written at or below these.
    paths: Collection[str] = ()
    #: Names, addresses and networks that requests may reach though they are not public.
    hosts: Collection[str] = ()


def check_reach(rule: DestinationRule, allowed: Allowed, problems: Problems, spot: Spot) -> None:
    """Refuse a destination that reaches further than a caller of the API may."""
    at = spot / "destinations"
    for refusal in _refusals(rule, allowed):
        problems.add(at, refusal)


def check_hook(rule: HookRule, allowed: Allowed, problems: Problems, spot: Spot) -> None:
    """Refuse a hook whose kind the operator does not list, or that reaches further than he lets it."""
    at = spot / "hooks"
    if rule.kind not in allowed.kinds:
        usable = " | ".join(sorted(set(allowed.kinds) & HOOK_KINDS.keys())) or "none"
        problems.add(at, f"hooks of the kind {rule.kind} are not allowed through the API ({usable}; api.allow.kinds)")
        return
    for refusal in (*_of_files(rule, allowed), *_of_addresses(rule, allowed)):
        problems.add(at, refusal)


def _refusals(rule: DestinationRule, allowed: Allowed) -> Iterator[str]:
    if rule.kind not in allowed.kinds:
        if rule.kind not in FREE_KINDS:
            usable = " | ".join(sorted({*FREE_KINDS, *allowed.kinds}))
            yield f"the kind {rule.kind} is not allowed through the API ({usable}; others by api.allow.kinds)"
            return
        for option in sorted(FREE_KINDS[rule.kind] & rule.options.keys()):
            yield f"{option} is not allowed through the API (only where api.allow.kinds lists {rule.kind})"
    yield from _of_files(rule, allowed)
    yield from _of_addresses(rule, allowed)


def _of_files(rule: DestinationRule | HookRule, allowed: Allowed) -> Iterator[str]:
    names = FILES | {"path", "template"} if rule.kind == "file" else FILES
    for name, path in _named(rule.options, lambda key: key in names or key == "file"):
        if not isinstance(path, str) or not is_below(path, allowed.paths):
            yield f"{name}: that path is not allowed through the API (one below those of api.allow.paths)"
    for name, _ in _named(rule.options, lambda key: key in _REFERENCES - {"file"}):
        yield f"{name}: what only this host knows is not allowed through the API (a file below api.allow.paths)"


def _of_addresses(rule: DestinationRule | HookRule, allowed: Allowed) -> Iterator[str]:
    for option in _ADDRESSES:
        address = rule.options.get(option)
        host = _host(address) if isinstance(address, str) else ""
        if not host or is_listed(host, allowed.hosts):
            continue
        if rule.kind not in _FREE_ADDRESS:
            yield f"{option}: {host} is not allowed through the API (one of api.allow.hosts)"
        elif is_address(host) and not is_public(host):
            yield f"{option}: {host} is not allowed through the API (a public host, or one of api.allow.hosts)"


def _named(value: object, wanted: Callable[[str], bool]) -> Iterator[tuple[str, object]]:
    """The options with such a name, however deep they stand."""
    pairs = value.items() if isinstance(value, Mapping) else ()
    yield from ((key, each) for key, each in pairs if wanted(key) and not isinstance(each, Mapping))
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for each in inner:
        yield from _named(each, wanted)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def is_below(path: str, above: Iterable[str]) -> bool:
    """Tell whether a file lies at or below one of these, by its name alone."""
    clean = path.startswith("/") and ".." not in path.split("/")
    return clean and any(path == each or path.startswith(f"{each.rstrip('/')}/") for each in above)
