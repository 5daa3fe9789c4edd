"""What does a definition come to? Defaults, times of day, lifetimes, names and places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.freeze import Weekly
from rotator.domain.model import (
    Application,
    DestinationRule,
    Folder,
    FreezeWindow,
    Initial,
    OnDrift,
    Rotation,
    VerifyRule,
)
from rotator.domain.schedule import Schedule
from tests.config.writing import CONNECTION, INTERVAL, KEY, OURS, ROTATION, TENANT, THEIRS
from tests.config.writing import Folder as Files

DAY = timedelta(days=1)
OWN = "    isAutoRotationEnabled: true\n    rotation: {rotationInterval: 60, rotateAtUtc: {hours: 3}}\n"


def test_what_is_not_said_has_the_documented_defaults(folder: Files) -> None:
    assert folder.rotation() == Rotation(
        id="",
        name="billing",
        connection="contoso",
        application=Application(TENANT, client_id=THEIRS),
        schedule=Schedule(30),
        lifetime=63 * DAY,
        margin=3 * DAY,
        overlap=None,
        min_overlap=DAY,
        renew_before=1.5 * DAY,
        auto=True,
        initial=Initial.ROTATE,
        verify=VerifyRule(3, timedelta(seconds=5), timedelta(minutes=15)),
        destinations=(DestinationRule("embedded", "embedded"),),
        mapping={"clientId": "BILLING_ID", "clientSecret": "BILLING_SECRET"},
        folder=Folder("default", "prod", "/"),
        defined_at=f"{folder.path}/config.yaml:7:5",
    )


def test_settings_that_are_not_there_have_the_documented_defaults(folder: Files) -> None:
    made = folder.load("{}")

    assert made.state.url == "sqlite:////var/lib/rotator/state.db"
    assert made.state.encryption_keys == ()
    assert made.daemon.concurrency == 8
    assert made.daemon.drain_timeout == timedelta(seconds=60)
    assert made.daemon.on_usr1 == "all"
    assert (made.daemon.limits.rotations_per_hour, made.daemon.limits.failures_before_pause) == (600, 10)
    assert (made.logging.level, made.logging.format) == ("info", "auto")
    assert (made.network.proxy, made.network.no_proxy, made.network.ca_file) == ("", (), None)
    assert (made.connections, made.rotations, made.clouds, made.warnings) == ({}, (), {}, ())


def test_an_empty_file_and_empty_blocks_are_allowed(folder: Files) -> None:
    assert folder.load("# nothing yet\n").rotations == ()
    assert folder.load("state:\ndaemon:\nclouds:\ndefaults:\nconnections:\nrotations:\ninclude:\n").rotations == ()


def test_an_api_that_is_off_is_accepted(folder: Files) -> None:
    assert folder.load('api: {listen: "off"}\n').rotations == ()
    assert folder.load("api: {listen: off}\n").rotations == ()


def test_an_api_listens_on_this_machine_by_default(folder: Files) -> None:
    api = folder.load("# nothing yet\n").api
    assert (api.host, api.port, api.socket, api.is_off, api.is_open) == ("127.0.0.1", 8780, "", False, False)


@pytest.mark.parametrize(
    ("listen", "found"),
    [
        ("'[::1]:0'", ("::1", 0, "")),
        ("localhost:81", ("localhost", 81, "")),
        ("unix:/run/rotator/api.sock", ("", 0, "/run/rotator/api.sock")),
    ],
)
def test_an_api_listens_where_it_is_told(folder: Files, listen: str, found: tuple[str, int, str]) -> None:
    api = folder.load(f"api: {{listen: {listen}}}\n").api
    assert (api.host, api.port, api.socket) == found
    assert not api.is_open


def test_an_api_for_everybody_encrypts_or_says_who_does(folder: Files) -> None:
    assert folder.load("api: {listen: 0.0.0.0:8780, behindProxy: true, trustedProxies: [10.1.2.3/8]}\n").api.is_open
    assert folder.load("api: {listen: 0.0.0.0:8780, tls: {certificate: a.pem, key: b.pem}}\n").api.tls is not None


def test_a_certificate_that_is_not_there_is_told_with_its_place(folder: Files) -> None:
    (first, second) = folder.problems("api:\n  tls: {certificate: a.pem, key: b.pem}\n", references=True)
    assert first.startswith("config.yaml:2:22: api.tls.certificate: ")
    assert second.startswith("config.yaml:2:34: api.tls.key: ")
    assert "cannot be read: No such file" in first


def test_a_time_of_day_is_in_utc_or_in_a_zone(folder: Files) -> None:
    utc = "rotateAtUtc: {hours: 2, minutes: 30}"
    oslo = "rotateAt: {hours: 2, minutes: 30, timeZone: Europe/Oslo}"

    assert folder.rotation(f"rotationInterval: 1\n{utc}").schedule == Schedule(1, 2, 30)
    assert folder.rotation(f"rotationInterval: 3650\n{oslo}").schedule == Schedule(3650, 2, 30, "Europe/Oslo")


@pytest.mark.parametrize(
    ("options", "lifetime", "margin"),
    [
        ("rotationInterval: 1", 5 * DAY, 3 * DAY),
        ("rotationInterval: 30", 63 * DAY, 3 * DAY),
        ("rotationInterval: 60", 126 * DAY, 6 * DAY),
        ("rotationInterval: 30\noverlap: 48h", 35 * DAY, 3 * DAY),
        ("rotationInterval: 30\noverlap: 0", 33 * DAY, 3 * DAY),
        ("rotationInterval: 1\nminOverlap: 72h", 7 * DAY, 3 * DAY),
        ("rotationInterval: 30\nlifetime: 90d", 90 * DAY, 3 * DAY),
    ],
)
def test_l10_the_default_lifetime_is_interval_overlap_and_margin(
    folder: Files, options: str, lifetime: timedelta, margin: timedelta
) -> None:
    made = folder.rotation(options)

    assert (made.lifetime, made.margin, made.renew_before) == (lifetime, margin, margin / 2)


@pytest.mark.parametrize(
    ("lifetime", "fits"),
    [("62d", False), ("1511h", False), ("1512h", True), ("63d", True), ("64d", True)],
)
def test_l10_a_lifetime_that_a_late_rotation_would_outlast_is_refused(
    folder: Files, lifetime: str, *, fits: bool
) -> None:
    options = f"rotationInterval: 30\nlifetime: {lifetime}"

    if fits:
        assert folder.rotation(options).schedule.interval == 30
    else:
        assert "(at least 63d: interval + overlap + margin)" in folder.problems_of_rotation(options)[0]


@pytest.mark.parametrize(
    ("written", "span"),
    [("30d", 30 * DAY), ("48h", 2 * DAY), ("15m", timedelta(minutes=15)), ("5s", timedelta(seconds=5)), ("0", 0 * DAY)],
)
def test_spans_are_in_days_hours_minutes_or_seconds(folder: Files, written: str, span: timedelta) -> None:
    assert folder.rotation(f"rotationInterval: 30\noverlap: {written}").overlap == span


@pytest.mark.parametrize("written", ["5 d", "-1d", "1.5d", "1w", "P1D", "1d12h", "''", "true", "1"])
def test_what_is_no_span_is_refused(folder: Files, written: str) -> None:
    assert "overlap" in folder.problems_of_rotation(f"rotationInterval: 30\noverlap: {written}")[0]


def test_a_short_overlap_is_a_warning(folder: Files) -> None:
    made = folder.load(CONNECTION + ROTATION + INTERVAL + "    overlap: 23h\n")

    assert made.warnings == (
        "config.yaml:12:14: rotations[0].overlap: 23h is short: platforms cache secrets for up to 24h (at least 24h)",
    )
    assert folder.load(CONNECTION + ROTATION + INTERVAL + "    overlap: 24h\n").warnings == ()


def test_two_rotations_on_one_application_are_a_warning(folder: Files) -> None:
    second = ROTATION.replace("billing", "payroll").replace("BILLING", "PAYROLL")

    assert folder.load(CONNECTION + ROTATION + INTERVAL + second + INTERVAL).warnings == (
        (
            "config.yaml:14:17: rotations[1].parameters: the same application as 'billing' at config.yaml:7:5"
            " (one rotation an application is simpler)"
        ),
    )


def test_what_comes_first_may_wait_or_adopt(folder: Files) -> None:
    waits = folder.rotation("rotationInterval: 30\ninitial: wait")
    adopts = folder.rotation(f"rotationInterval: 30\ninitial: {{adopt: {KEY}}}")

    assert (waits.initial, waits.adopt_key_id) == (Initial.WAIT, "")
    assert (adopts.initial, adopts.adopt_key_id) == (Initial.ADOPT, KEY)


def test_a_destination_keeps_its_own_options_as_they_are_written(folder: Files) -> None:
    made = folder.rotation(
        """\
        rotationInterval: 30
        destinations:
          - {kind: file, path: /run/b.env, mode: 0640, order: 2, required: false, onDrift: report, adopt: true}
          - {kind: embedded, names: {clientSecret: X, keyId: Y}}
        """
    )

    assert made.destinations == (
        DestinationRule("embedded", "embedded", names={"clientSecret": "X", "keyId": "Y"}),
        DestinationRule(
            "file:/run/b.env",
            "file",
            required=False,
            order=2,
            on_drift=OnDrift.REPORT,
            adopt=True,
            options={"path": "/run/b.env", "mode": "0640"},
        ),
    )


def test_no_mapping_is_needed_where_every_destination_has_names(folder: Files) -> None:
    bare = ROTATION.replace("    secretsMapping: {clientId: BILLING_ID, clientSecret: BILLING_SECRET}\n", "")
    named = "    destinations: [{kind: embedded, names: {clientSecret: X}}]\n"

    assert folder.load(CONNECTION + bare + INTERVAL + named).rotations[0].mapping == {}
    assert folder.problems(CONNECTION + bare + INTERVAL) == [
        "config.yaml:7:5: rotations[0].secretsMapping: missing (required unless every destination has names)"
    ]


def test_defaults_serve_all_that_do_not_say_otherwise(folder: Files) -> None:
    defaults = (
        "defaults: {rotationInterval: 7, overlap: 48h, rotateAtUtc: {hours: 4}, verify: {successes: 5, interval: 1s},"
        " destinations: [{kind: file, path: /run/default.env}]}\n"
    )
    other = (
        ROTATION.replace("billing", "payroll").replace("BILLING", "PAYROLL").replace(THEIRS, KEY)
        + "    rotateAt: {hours: 1, timeZone: Europe/Oslo}\n    verify: {successes: 2}\n"
        + "    destinations: [{kind: embedded}]\n"
    )

    first, second = folder.load(CONNECTION + ROTATION + other + defaults).rotations

    assert (first.schedule, first.overlap, first.verify.successes) == (Schedule(7, 4), 2 * DAY, 5)
    assert first.destinations[0].name == "file:/run/default.env"
    assert (second.schedule, second.overlap) == (Schedule(7, 1, 0, "Europe/Oslo"), 2 * DAY)
    assert second.verify == VerifyRule(2)
    assert second.destinations == (DestinationRule("embedded", "embedded"),)


def test_the_own_secret_of_a_connection_is_a_rotation_of_its_own(folder: Files) -> None:
    made = folder.load(CONNECTION.replace("rotations:\n", OWN))

    assert made.rotations == (
        Rotation(
            id="",
            name="connection-contoso",
            connection="contoso",
            application=Application(TENANT, client_id=OURS),
            schedule=Schedule(60, 3),
            lifetime=126 * DAY,
            margin=6 * DAY,
            renew_before=3 * DAY,
            description="The secret that the connection contoso signs in with",
            own_connection="contoso",
            defined_at=f"{folder.path}/config.yaml:3:5",
        ),
    )


def test_the_own_secret_is_adopted_by_its_key_id(folder: Files) -> None:
    text = CONNECTION.replace(
        "rotations:\n", OWN.replace("{rotationInterval: 60", f"{{adopt: {KEY}, rotationInterval: 60")
    )

    own = folder.load(text).rotations[0]

    assert (own.initial, own.adopt_key_id) == (Initial.ADOPT, KEY)


def test_included_files_bring_connections_and_rotations(folder: Files) -> None:
    connection = CONNECTION.split("connections:\n")[1].replace("rotations:\n", "")
    folder.write("connections:\n" + connection, "conf.d/20-contoso.yaml")
    folder.write("rotations:\n" + ROTATION + INTERVAL, "conf.d/10-billing.yaml")
    folder.write("not: read", "conf.d/readme.txt")

    made = folder.load("include: [conf.d/*.yaml, nothing-yet/*.yaml, conf.d/10-billing.yaml]\n")

    assert [each.defined_at for each in made.rotations] == [f"{folder.path}/conf.d/10-billing.yaml:2:5"]
    assert [source.removeprefix(f"{folder.path}/") for source in made.sources] == [
        "config.yaml",
        "conf.d/10-billing.yaml",
        "conf.d/20-contoso.yaml",
    ]


def test_relative_paths_start_at_the_folder_of_the_file(
    folder: Files, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from rotator.config import load

    folder.write(CONNECTION.replace("{env: CONTOSO}", "{file: keys/contoso}"))
    folder.write("s3cret\n", "keys/contoso")

    made = load(folder.path / "config.yaml")

    assert made.state.path == folder.path / "state.db"
    credentials = made.connections["contoso"].credentials
    assert credentials.client_secret.resolve().reveal() == "s3cret"  # type: ignore[union-attr]


def test_ids_are_written_in_one_way(folder: Files) -> None:
    shouted = folder.load(CONNECTION + ROTATION.replace(THEIRS, "ABCDEF00-0000-4000-8000-00000000000A") + INTERVAL)

    assert shouted.rotations[0].application.client_id == "abcdef00-0000-4000-8000-00000000000a"


def test_a_configuration_cannot_be_changed(folder: Files) -> None:
    made = folder.load(CONNECTION + ROTATION + INTERVAL)

    with pytest.raises(AttributeError):
        made.rotations = ()  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        made.daemon.concurrency = 9
    assert replace(made, rotations=()).rotations == ()


def test_one_default_destination_serves_every_rotation_under_its_own_name(folder: Files) -> None:
    defaults = (
        "defaults:\n  environment: test\n  destinations:\n"
        '    - {kind: file, path: "/run/{rotation.environment}/{rotation.name}.env"}\n'
    )
    second = ROTATION.replace("billing", "payroll").replace("BILLING", "PAYROLL").replace(THEIRS, KEY)
    made = folder.load(defaults + CONNECTION + ROTATION + INTERVAL + second + INTERVAL)

    assert [each.destinations[0].name for each in made.rotations] == [
        "file:/run/test/billing.env",
        "file:/run/test/payroll.env",
    ]
    assert made.rotations[0].destinations[0].options == {"path": "/run/test/billing.env"}


def test_braces_of_another_word_are_told_once(folder: Files) -> None:
    defaults = 'defaults:\n  destinations:\n    - {kind: file, path: "/run/{rotation.nmae}.env"}\n'

    assert folder.problems(defaults + CONNECTION + ROTATION + INTERVAL) == [
        (
            "config.yaml:3:7: defaults.destinations[0]: '/run/{rotation.nmae}.env' holds what nothing stands for"
            " ({rotation.name} | {rotation.project} | {rotation.environment})"
        )
    ]


def test_a_freeze_is_a_range_of_dates_or_comes_back_every_week(folder: Files) -> None:
    ends = [
        "{from: 2026-12-18 17:00, to: 2027-01-03, timeZone: Europe/Oslo}",
        "{from: fri 18:00, to: Monday 06:00}",
        "{from: saturday, to: sunday, timeZone: Europe/Oslo}",
    ]
    range_, weekend, days = folder.load(f"freeze: [{', '.join(ends)}]").freeze

    assert range_ == FreezeWindow(datetime(2026, 12, 18, 16, tzinfo=UTC), datetime(2027, 1, 3, 23, tzinfo=UTC))
    assert weekend == Weekly(4, 18, 0, 0, 6, 0)
    assert days == Weekly(5, 0, 0, 0, 0, 0, zone="Europe/Oslo")


def test_an_approval_is_asked_for_where_it_is_configured(folder: Files) -> None:
    assert folder.rotation("rotationInterval: 30\nrequiresApproval: true").requires_approval
    assert not folder.rotation().requires_approval
