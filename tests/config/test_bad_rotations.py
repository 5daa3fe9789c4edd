"""What does each mistake in a rotation say? One line: where, what is wrong, what is allowed."""

from __future__ import annotations

import pytest

from rotator.destinations import KINDS as ALL_KINDS
from rotator.destinations.hooks import HOOK_KINDS
from tests.config.writing import CONNECTION, INTERVAL, ROTATION, Folder

DAYS = "a whole number from 1 to 3650 days"
KINDS = " | ".join(ALL_KINDS)
LATER = "known, but not available in this version (leave it out)"
NAMES = "1 to 256 visible characters without ':' and '/'"
SECRET = "{env: NAME}, {file: PATH} or {credential: NAME}"
SLUG = "1 to 64 of a-z, 0-9 and '-', not beginning or ending with '-'"
URL = "sqlite:///PATH; four slashes before an absolute path"
HOOKS = " | ".join(HOOK_KINDS)

ROTATIONS = {
    "interval 0": ("rotationInterval: 0", f"11:23: rotations[0].rotationInterval: 0 is not allowed ({DAYS})"),
    "interval 1.5": ("rotationInterval: 1.5", f"11:23: rotations[0].rotationInterval: 1.5 is not allowed ({DAYS})"),
    "interval 4000": ("rotationInterval: 4000", f"11:23: rotations[0].rotationInterval: 4000 is not allowed ({DAYS})"),
    "interval true": ("rotationInterval: true", f"11:23: rotations[0].rotationInterval: true is not allowed ({DAYS})"),
    "interval 30d": ("rotationInterval: 30d", f"11:23: rotations[0].rotationInterval: '30d' is not allowed ({DAYS})"),
    "no interval": ("description: x", "7:5: rotations[0].rotationInterval: missing (required)"),
    "hour 24": (
        "rotationInterval: 30\nrotateAtUtc: {hours: 24}",
        "12:26: rotations[0].rotateAtUtc.hours: 24 is not allowed (a whole number from 0 to 23)",
    ),
    "unknown zone": (
        "rotationInterval: 30\nrotateAt: {hours: 2, timeZone: Europe/Atlantis}",
        "12:36: rotations[0].rotateAt.timeZone: 'Europe/Atlantis' is not allowed (an IANA name such as Europe/Oslo)",
    ),
    "two times of day": (
        "rotationInterval: 30\nrotateAtUtc: {hours: 2}\nrotateAt: {hours: 2, timeZone: Europe/Oslo}",
        "13:5: rotations[0].rotateAt: not allowed beside rotateAtUtc (one of the two)",
    ),
    "a near miss of a key": (
        "rotationInterval: 30\nrotateAtUTC: {hours: 2}",
        "12:5: rotations[0].rotateAtUTC: unknown key (did you mean rotateAtUtc?)",
    ),
    "a key from nowhere": (
        "rotationInterval: 30\nverify: {zebra: 1}",
        "12:14: rotations[0].verify.zebra: unknown key (successes | interval | deadline)",
    ),
    "a wrong type": (
        "rotationInterval: 30\nverify: often",
        "12:13: rotations[0].verify: 'often' is not allowed (a mapping)",
    ),
    "a list that is none": (
        "rotationInterval: 30\ndestinations: embedded",
        "12:19: rotations[0].destinations: 'embedded' is not allowed (a list)",
    ),
    "a truth value that is none": (
        "rotationInterval: 30\nisAutoRotationEnabled: yes",
        "12:28: rotations[0].isAutoRotationEnabled: 'yes' is not allowed (true | false)",
    ),
    "a number for text": (
        "rotationInterval: 30\ndescription: 5",
        (
            "12:18: rotations[0].description: 5 is not allowed"
            " (text of at most 256 characters on one line; in quotes if it looks like something else)"
        ),
    ),
    "a span without unit": (
        "rotationInterval: 30\nlifetime: 63",
        "12:15: rotations[0].lifetime: 63 is not allowed (a span such as 30d, 48h, 15m or 5s, from 1d to 36500d)",
    ),
    "a span beyond all years": (
        "rotationInterval: 30\noverlap: 999999999999d",
        (
            "12:14: rotations[0].overlap: '999999999999d' is not allowed"
            " (until-next, or a span such as 48h, from 0s to 3650d)"
        ),
    ),
    "too short a lifetime": (
        "rotationInterval: 30\nlifetime: 62d",
        (
            "12:15: rotations[0].lifetime: 62d is too short: a late rotation would be an outage"
            " (at least 63d: interval + overlap + margin)"
        ),
    ),
    "too long a renewBefore": (
        "rotationInterval: 30\nrenewBefore: 33d",
        (
            "12:18: rotations[0].renewBefore: 33d is too long: it would rotate before every interval has passed"
            " (less than 33d: lifetime - interval)"
        ),
    ),
    "a verification that never ends": (
        "rotationInterval: 30\nverify: {successes: 4, interval: 5m}",
        "12:13: rotations[0].verify: 4 sign-ins 5m apart do not fit in 15m (a deadline of more than 15m)",
    ),
    "no successes": (
        "rotationInterval: 30\nverify: {successes: 0}",
        "12:25: rotations[0].verify.successes: 0 is not allowed (a whole number from 1 to 100)",
    ),
    "an initial that is none": (
        "rotationInterval: 30\ninitial: {adopt: mine}",
        "12:14: rotations[0].initial: 'mine' is not allowed (a key id such as 00000000-0000-4000-8000-000000000000)",
    ),
    "no destination": (
        "rotationInterval: 30\ndestinations: []",
        "12:19: rotations[0].destinations: an empty list is not allowed (at least one destination)",
    ),
    "a kind from nowhere": (
        "rotationInterval: 30\ndestinations: [{kind: carrier-pigeon}]",
        f"12:27: rotations[0].destinations[0].kind: 'carrier-pigeon' is not allowed ({KINDS})",
    ),
    "a destination without kind": (
        "rotationInterval: 30\ndestinations: [{path: /x}]",
        f"12:20: rotations[0].destinations[0].kind: missing ({KINDS})",
    ),
    "an option of another kind": (
        "rotationInterval: 30\ndestinations: [{kind: embedded, onDrif: heal}]",
        "12:37: rotations[0].destinations[0].onDrif: unknown key (did you mean onDrift?)",
    ),
    "one place twice in a rotation": (
        "rotationInterval: 30\ndestinations: [{kind: embedded}, {kind: embedded}]",
        "12:20: rotations[0].destinations[0]: embedded a second time in one rotation (each place once)",
    ),
    "names without the secret": (
        "rotationInterval: 30\ndestinations: [{kind: embedded, names: {keyId: X}}]",
        "12:44: rotations[0].destinations[0].names.clientSecret: missing (required)",
    ),
    "a label that is a number": (
        "rotationInterval: 30\nlabels: {tier: 1}",
        (
            "12:13: rotations[0].labels: label 'tier' is not allowed"
            " (a mapping of at most 64 names to text of at most 256 characters; numbers in quotes)"
        ),
    ),
    "evidence": ("rotationInterval: 30\nrevokeWhen: unused", f"12:5: rotations[0].revokeWhen: {LATER}"),
    "a hook of no kind": ("rotationInterval: 30\nhooks: [{}]", f"12:13: rotations[0].hooks[0].kind: missing ({HOOKS})"),
    "a hook of an unknown kind": (
        "rotationInterval: 30\nhooks: [{kind: mail}]",
        f"12:20: rotations[0].hooks[0].kind: 'mail' is not allowed ({HOOKS})",
    ),
    "a hook that is no mapping": (
        "rotationInterval: 30\nhooks: [restart]",
        f"12:13: rotations[0].hooks[0]: 'restart' is not allowed (a mapping with kind: {HOOKS})",
    ),
    "no list of hooks": (
        "rotationInterval: 30\nhooks: restart",
        "12:12: rotations[0].hooks: 'restart' is not allowed (a list)",
    ),
    "a unit without its ending": (
        "rotationInterval: 30\nhooks: [{kind: systemd, unit: billing}]",
        (
            "12:35: rotations[0].hooks[0].unit: 'billing' is not allowed"
            " (the whole name of a unit, such as billing.service)"
        ),
    ),
    "a hook twice": (
        "rotationInterval: 30\nhooks: [{kind: exec, command: [/bin/x]}, {kind: exec, command: [/bin/x], timeout: 5s}]",
        "12:46: rotations[0].hooks[1]: exec:/bin/x a second time in one rotation (each hook once)",
    ),
    "a hook's secret written out": (
        "rotationInterval: 30\nhooks: [{kind: webhook, url: 'https://x.example', secret: abc}]",
        (
            "12:63: rotations[0].hooks[0].secret: a secret is not written here"
            " ({env: NAME}, {file: /PATH} or {credential: NAME})"
        ),
    ),
    "an unknown format": (
        "rotationInterval: 30\ndestinations: [{kind: file, path: /x, format: xml}]",
        (
            "12:51: rotations[0].destinations[0].format: 'xml' is not allowed"
            " (dotenv | json | directory | template | credentials)"
        ),
    ),
    "a template without its format": (
        "rotationInterval: 30\ndestinations: [{kind: file, path: /x, template: /y}]",
        "12:20: rotations[0].destinations[0]: template and format: template go together (both, or neither)",
    ),
    "a format without its template": (
        "rotationInterval: 30\ndestinations: [{kind: file, path: /x, format: template}]",
        "12:20: rotations[0].destinations[0]: template and format: template go together (both, or neither)",
    ),
    "a template somewhere": (
        "rotationInterval: 30\ndestinations: [{kind: file, path: /x, format: template, template: ../y}]",
        (
            "12:71: rotations[0].destinations[0].template: '../y' is not allowed"
            " (an absolute path without '..', such as /run/rotator/billing.env)"
        ),
    ),
}


@pytest.mark.parametrize("case", ROTATIONS)
def test_a_mistake_in_a_rotation_is_one_line_that_says_what_is_allowed(folder: Folder, case: str) -> None:
    options, line = ROTATIONS[case]

    assert folder.problems_of_rotation(options)[0] == f"config.yaml:{line}"


MAPPINGS = {
    "equal": ("{clientId: A, clientSecret: A}", "'A' is used twice (each field its own name)", ""),
    "a slash": ("{clientId: A, clientSecret: B/C}", f"'B/C' is not allowed ({NAMES})", ".clientSecret"),
    "a colon": ("{clientId: A, clientSecret: 'B:C'}", f"'B:C' is not allowed ({NAMES})", ".clientSecret"),
    "empty": ("{clientId: A, clientSecret: ''}", f"'' is not allowed ({NAMES})", ".clientSecret"),
    "one only": ("{clientId: A}", "missing (required)", ".clientSecret"),
}


@pytest.mark.parametrize("case", MAPPINGS)
def test_mapped_names_differ_and_hold_no_separator(folder: Folder, case: str) -> None:
    mapping, what, where = MAPPINGS[case]
    written = ROTATION.replace("{clientId: BILLING_ID, clientSecret: BILLING_SECRET}", mapping)

    problems = folder.problems(CONNECTION + written + INTERVAL)

    assert len(problems) == 1
    assert problems[0].startswith("config.yaml:10:")
    assert f": rotations[0].secretsMapping{where}: " in problems[0]
    assert problems[0].endswith(what)
