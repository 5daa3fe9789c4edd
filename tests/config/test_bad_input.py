"""What does each mistake in the main file say, and many at once?"""

from __future__ import annotations

import sys

import pytest

from tests.config.writing import CONNECTION, KEY, OURS, ROTATION, TENANT, Folder

DAYS = "a whole number from 1 to 3650 days"
MOMENT = "a date such as 2026-12-18 or a weekday such as friday, with a time such as 17:00 or without"
SIGN_IN = f"dashboard: {{address: https://a.example, tenantId: {TENANT}, clientId: {OURS}, roles: [%s]}}"
LATER = "known, but not available in this version (leave it out)"
NAMES = "1 to 256 visible characters without ':' and '/'"
SECRET = "{env: NAME}, {file: PATH} or {credential: NAME}"
SLUG = "1 to 64 of a-z, 0-9 and '-', not beginning or ending with '-'"
URL = "sqlite:///PATH; four slashes before an absolute path"
POSTGRES = "postgresql://HOST:PORT/DATABASE"
SERVER = f"{POSTGRES}, the user before an @, options of libpq after a ?"

MAIN = {
    "unknown block": ("rotation: []", "1:1: rotation: unknown key (did you mean rotations?)"),
    "a password in an address": (
        "state: {url: 'postgresql://me:pass@db/rotator'}",
        (
            "1:14: state.url: a password does not belong in an address "
            "(state.password names it: {file: PATH} and the like)"
        ),
    ),
    "a server without a database": (
        "state: {url: 'postgresql://db'}",
        f"1:14: state.url: 'postgresql://db' is not allowed ({SERVER})",
    ),
    "a password for a file": (
        "state: {url: 'sqlite:///state.db', password: {env: HOME}}",
        "1:46: state.password: a SQLite database has no password (for postgresql:// only)",
    ),
    "another database": (
        "state: {url: 'mysql://me:pass@db'}",
        f"1:14: state.url: not an address of a state database ({URL}; or {POSTGRES})",
    ),
    "a database in memory": (
        "state: {url: 'sqlite:///:memory:'}",
        f"1:14: state.url: 'sqlite:///:memory:' is not allowed ({URL}; a file, without options)",
    ),
    "an installation of two words": (
        "state: {installation: our own}",
        "1:23: state.installation: 'our own' is not allowed (1 to 24 of a-z, 0-9 and '-', or empty)",
    ),
    "a level that is none": (
        "logging: {level: loud}",
        "1:18: logging.level: 'loud' is not allowed (debug | info | warning | error)",
    ),
    "a signal for nobody": (
        "daemon: {onUsr1: [payroll]}",
        "1:19: daemon.onUsr1[0]: 'payroll' is not a rotation (all | due | names of rotations)",
    ),
    "a password in a proxy": (
        "network: {proxy: 'http://me:hunter2@proxy:8080'}",
        (
            "1:18: network.proxy: a user name or password does not belong here"
            " (http://HOST:PORT, or empty for the usual environment variables, which may hold them)"
        ),
    ),
    "a cloud in clear": (
        "clouds: {lab: {authority: 'http://login', graph: 'https://graph/v1.0'}}",
        "1:27: clouds.lab.authority: 'http://login' is not allowed (an address such as https://example.com)",
    ),
    "a cloud that has the name of another": (
        "clouds: {china: {authority: 'https://login', graph: 'https://graph/v1.0'}}",
        "1:10: clouds.china: not a name of one's own (a-z, 0-9 and '-'; not public | usgov | usgov-dod | china)",
    ),
    "an API for everybody in clear": (
        "api: {listen: 0.0.0.0:8780}",
        (
            "1:15: api.listen: 0.0.0.0:8780 is reached from elsewhere, in clear"
            " (tls, or behindProxy: true where a proxy encrypts, or a loopback address)"
        ),
    ),
    "an API for all of IPv6 in clear": (
        "api: {listen: '[::]:8780'}",
        (
            "1:15: api.listen: [::]:8780 is reached from elsewhere, in clear"
            " (tls, or behindProxy: true where a proxy encrypts, or a loopback address)"
        ),
    ),
    "an API at a name": (
        "api: {listen: rotator.example:8780}",
        (
            "1:15: api.listen: 'rotator.example:8780' is not allowed"
            ' (127.0.0.1:8780, [::1]:8780, unix:/run/rotator/api.sock or "off")'
        ),
    ),
    "an API without a port": (
        "api: {listen: 127.0.0.1}",
        (
            "1:15: api.listen: '127.0.0.1' is not allowed"
            ' (127.0.0.1:8780, [::1]:8780, unix:/run/rotator/api.sock or "off")'
        ),
    ),
    "a proxy by name": (
        "api: {trustedProxies: [proxy.example]}",
        ("1:24: api.trustedProxies[0]: 'proxy.example' is not allowed (an address or a network such as 10.0.0.0/8)"),
    ),
    "half of TLS": ("api: {tls: {certificate: a.pem}}", "1:12: api.tls.key: missing (required)"),
    "a host that is none": (
        "api: {allow: {hosts: ['https://vault.example']}}",
        "1:23: api.allow.hosts[0]: 'https://vault.example' is not allowed (a name, *.DOMAIN, an address or a network)",
    ),
    "a path that climbs": (
        "api: {allow: {paths: ['/run/../etc']}}",
        "1:23: api.allow.paths[0]: '/run/../etc' is not allowed (an absolute path without '..')",
    ),
    "a listener by name": (
        "metrics: {listen: 'metrics.example:9780'}",
        (
            "1:19: metrics.listen: 'metrics.example:9780' is not allowed"
            " (ADDRESS:PORT such as 0.0.0.0:9780 or [::]:9780, or empty for none)"
        ),
    ),
    "a negative number of rotations": (
        "metrics: {perRotation: -1}",
        "1:24: metrics.perRotation: -1 is not allowed (a whole number from 0 to 1000000)",
    ),
    "a dashboard at a path": (
        "dashboard: {address: https://rotator.example/rotator}",
        (
            "1:22: dashboard.address: 'https://rotator.example/rotator' is not allowed"
            " (https://HOST or https://HOST:PORT without a path; http only to localhost)"
        ),
    ),
    "a dashboard in clear": (
        "dashboard: {address: http://rotator.example}",
        (
            "1:22: dashboard.address: 'http://rotator.example' is not allowed"
            " (https://HOST or https://HOST:PORT without a path; http only to localhost)"
        ),
    ),
    "a dashboard in no cloud": (
        "dashboard: {cloud: moon}",
        (
            "1:20: dashboard.cloud: 'moon' is not a cloud"
            " (public | usgov | usgov-dod | china; others by name under clouds)"
        ),
    ),
    "a role of nobody": (
        SIGN_IN % "{role: admin}",
        "1:145: dashboard.roles[0]: names neither or both of appRole and group (one of the two)",
    ),
    "a role at a path of nothing": (
        SIGN_IN % "{appRole: A, role: admin, path: /x}",
        (
            "1:145: dashboard.roles[0]: lacks what it is in (a path with its environment, an environment with its"
            " project)"
        ),
    ),
    "an inventory every minute": (
        "metrics: {inventory: 1m}",
        "1:22: metrics.inventory: that is too often (15m or more, or 0 for never)",
    ),
    "a channel of no kind": (
        "notifications: [{url: x}]",
        "1:17: notifications[0].kind: missing (slack | teams | webhook | email | apprise)",
    ),
    "a channel of an unknown kind": (
        "notifications: [{kind: pigeon}]",
        "1:24: notifications[0].kind: 'pigeon' is not allowed (slack | teams | webhook | email | apprise)",
    ),
    "a channel of Apprise without a service": (
        "notifications: [{kind: apprise, urls: []}]",
        "1:39: notifications[0].urls: a list is not allowed (a list such as [{credential: pager-url}])",
    ),
    "an address of Apprise written here": (
        "notifications: [{kind: apprise, urls: [discord://x@y]}]",
        (
            "1:40: notifications[0].urls[0]: a secret is not written here"
            " ({env: NAME}, {file: /PATH} or {credential: NAME})"
        ),
    ),
    "an address of Slack that is written out": (
        "notifications: [{kind: slack, url: https://hooks.example/T0}]",
        ("1:36: notifications[0].url: a secret is not written here ({env: NAME}, {file: /PATH} or {credential: NAME})"),
    ),
    "an event that nobody tells": (
        "notifications: [{kind: slack, url: {env: X}, events: [doom]}]",
        (
            "1:54: notifications[0].events: 'doom' is not allowed (a list of"
            " failure | recovery | expiring | overdue | orphan | drift | compromised | success)"
        ),
    ),
    "a password of mail in clear": (
        (
            "notifications: [{kind: email, server: mail, security: none, from: a@b.c, to: [a@b.c],"
            " username: me, password: {env: X}}]"
        ),
        "1:111: notifications[0].password: a password would go in clear (security: starttls or tls)",
    ),
    "mail to nobody": (
        "notifications: [{kind: email, server: mail, from: a@b.c, to: [nobody]}]",
        "1:62: notifications[0].to: 'nobody' is not allowed (an address such as rotator@example.com)",
    ),
    "a freeze of no list": ("freeze: {}", "1:9: freeze: a mapping is not allowed (a list)"),
    "a freeze without an end": ("freeze: [{from: friday}]", "1:10: freeze[0].to: missing (required)"),
    "a freeze from a date to a weekday": (
        "freeze: [{from: 2026-12-18, to: friday}]",
        "1:33: freeze[0].to: one is a date and the other a weekday (two dates, or two weekdays)",
    ),
    "a freeze that ends before it begins": (
        "freeze: [{from: 2026-12-18 17:00, to: 2026-12-18 16:00}]",
        "1:39: freeze[0].to: it ends before it begins (a later time than from)",
    ),
    "a freeze of years": (
        "freeze: [{from: 2026-12-18, to: 2028-12-18}]",
        "1:33: freeze[0].to: it is longer than a year (at most 366 days; isAutoRotationEnabled: false rests for good)",
    ),
    "a freeze at an hour that no day has": (
        "freeze: [{from: friday 25:00, to: monday}]",
        "1:17: freeze[0].from: 'friday 25:00' is not allowed (" + MOMENT + ")",
    ),
    "a freeze of the whole week": (
        "freeze: [{from: monday, to: friday}, {from: saturday, to: sunday}]",
        "1:9: freeze: the weekly windows leave no hour of the week (isAutoRotationEnabled: false rests for good)",
    ),
    "later options by default": ("defaults: {revokeWhen: unused}", f"1:12: defaults.revokeWhen: {LATER}"),
    "a name by default": (
        "defaults: {name: x}",
        "1:12: defaults.name: not allowed in defaults (each rotation has its own)",
    ),
    "defaults that nobody uses": (
        "defaults: {verify: {successes: 0}}",
        "1:32: defaults.verify.successes: 0 is not allowed (a whole number from 1 to 100)",
    ),
    "rotations that are no list": ("rotations: {a: b}", "1:12: rotations: a mapping is not allowed (a list)"),
    "a rotation that is no mapping": (
        "rotations: [billing]",
        "1:13: rotations[0]: 'billing' is not allowed (a mapping)",
    ),
    "include that is no list": (
        "include: conf.d",
        "1:10: include: 'conf.d' is not allowed (a list of paths such as conf.d/*.yaml)",
    ),
    "a file that is not there": (
        "include: [more.yaml]",
        "1:11: include[0]: more.yaml cannot be read: No such file or directory (a YAML file)",
    ),
    "no YAML": (
        "rotations: [",
        "2:1: not valid YAML: while parsing a flow node (begun on line 2), did not find expected node content",
    ),
    "a list": ("- a", "1:1: not a mapping (keys such as connections: and rotations:)"),
    "a tag": ("state: !!python/object:os.system x", "1:8: a tag is not allowed (plain values)"),
}


@pytest.mark.parametrize("case", MAIN)
def test_a_mistake_in_the_main_file_is_one_line_that_says_what_is_allowed(folder: Folder, case: str) -> None:
    text, line = MAIN[case]

    assert folder.problems(text) == [f"config.yaml:{line}"]


def test_a_configuration_that_is_not_there_is_told(folder: Folder) -> None:
    assert folder.problems() == ["config.yaml:1:1: cannot be read: No such file or directory (a YAML file)"]


def test_a_configuration_that_is_not_text_is_told(folder: Folder) -> None:
    (folder.path / "config.yaml").write_bytes(b"state: {}\nx: \xff")

    assert folder.problems() == ["config.yaml:2:4: not text (UTF-8)"]


def test_a_key_a_second_time_is_told(folder: Folder) -> None:
    assert folder.problems("state: {}\nlogging: {}\nstate: {}\n") == [
        "config.yaml:3:1: state: a second time in this block (once)"
    ]


def test_an_included_file_holds_connections_and_rotations_only(folder: Folder) -> None:
    folder.write("state: {}\ndashboard: {}\nstat: {}\n", "more.yaml")

    assert folder.problems("include: [more.yaml]") == [
        "more.yaml:1:1: state: belongs in the main file (connections | rotations)",
        "more.yaml:2:1: dashboard: belongs in the main file (connections | rotations)",
        "more.yaml:3:1: stat: unknown key (connections | rotations)",
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_files(folder: Folder) -> None:
    folder.write("rotations:\n  - {name: b, connection: contoso, rotationInterval: x}\n", "b.yaml")
    text = f"""\
state: {{url: postgresql://db}}
dashboard: {{clientId: {OURS}}}
include: [b.yaml, missing.yaml]
defaults: {{rotationIntervall: 30, verify: {{successes: 0}}}}
connections:
  - {{name: contoso, method: client-secret, credentials: {{tenantId: {TENANT}, clientId: {OURS}, clientSecret: oops}}}}
  - {{name: fabrikam, method: azure-cli, credentials: {{tenantId: {TENANT}}}, propagation: soon}}
rotations:
  - {{name: one, connection: contoso, rotationInterval: 1.5, rotateAtUtc: {{hours: 24}}}}
  - {{name: one, connection: fabrikam, rotationInterval: 30, parameters: {{}}, lifetime: 1d, initial: {{adopt: {KEY}}}}}
"""

    told = [line.split(": ", 2)[:2] for line in folder.problems(text)]

    assert told == [
        ["config.yaml:1:14", "state.url"],
        ["config.yaml:2:12", "dashboard.address"],
        ["config.yaml:2:12", "dashboard.roles"],
        ["config.yaml:2:12", "dashboard.tenantId"],
        ["config.yaml:3:19", "include[1]"],
        ["config.yaml:4:12", "defaults.rotationIntervall"],
        ["config.yaml:4:55", "defaults.verify.successes"],
        ["config.yaml:6:168", "connections[0].credentials.clientSecret"],
        ["config.yaml:7:117", "connections[1].propagation"],
        ["config.yaml:9:5", "rotations[0].parameters"],
        ["config.yaml:9:56", "rotations[0].rotationInterval"],
        ["config.yaml:9:82", "rotations[0].rotateAtUtc.hours"],
        ["config.yaml:10:5", "rotations[1].secretsMapping"],
        ["config.yaml:10:12", "rotations[1].name"],
        ["config.yaml:10:73", "rotations[1].parameters"],
        ["config.yaml:10:87", "rotations[1].lifetime"],
        ["b.yaml:2:5", "rotations[0].parameters"],
        ["b.yaml:2:54", "rotations[0].rotationInterval"],
    ]


def test_a_mistake_in_the_defaults_is_told_once_however_many_inherit_it(folder: Folder) -> None:
    defaults = "defaults: {rotationInterval: 0}\n"

    problems = folder.problems(CONNECTION + ROTATION + ROTATION.replace("billing", "payroll") + defaults)

    assert [line for line in problems if "rotationInterval" in line] == [
        f"config.yaml:15:30: defaults.rotationInterval: 0 is not allowed ({DAYS})"
    ]


def test_a_channel_whose_library_is_missing_is_told_with_how_to_get_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert folder.problems("notifications: [{kind: apprise, urls: [{env: X}]}]\n" + CONNECTION) == [
        (
            "config.yaml:1:24: notifications[0].kind: the library apprise is not installed"
            " (pip install 'entra-rotator[apprise]')"
        )
    ]
