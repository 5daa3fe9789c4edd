"""Which mistakes show only when definitions are laid side by side?"""

from __future__ import annotations

from tests.config.writing import CONNECTION, INTERVAL, OURS, ROTATION, THEIRS, Folder

DAYS = "a whole number from 1 to 3650 days"
LATER = "known, but not available in this version (leave it out)"
NAMES = "1 to 256 visible characters without ':' and '/'"
SECRET = "{env: NAME}, {file: PATH} or {credential: NAME}"
SLUG = "1 to 64 of a-z, 0-9 and '-', not beginning or ending with '-'"
URL = "sqlite:///PATH; four slashes before an absolute path"


def test_l15_a_rotation_of_the_application_that_its_connection_signs_in_with_is_refused(folder: Folder) -> None:
    text = CONNECTION + ROTATION.replace(THEIRS, OURS) + INTERVAL

    assert folder.problems(text) == [
        (
            "config.yaml:9:28: rotations[0].parameters.clientId:"
            " the connection contoso signs in with this very application"
            " (another application; isAutoRotationEnabled on the connection rotates its own secret)"
        ),
    ]


def test_an_application_is_named(folder: Folder) -> None:
    text = CONNECTION + ROTATION.replace(f"clientId: {THEIRS}", "appName: Billing") + INTERVAL

    assert folder.problems(text) == [
        "config.yaml:9:17: rotations[0].parameters: names no application (objectId or clientId)"
    ]


def test_an_unknown_connection_is_told_with_those_that_are_known(folder: Folder) -> None:
    text = CONNECTION + ROTATION.replace("connection: contoso", "connection: fabrikam") + INTERVAL

    assert folder.problems(text) == [
        "config.yaml:8:17: rotations[0].connection: 'fabrikam' is not a connection (contoso)"
    ]


def test_a_name_is_taken_once_in_all_files(folder: Folder) -> None:
    again = ROTATION.replace("BILLING", "OTHER") + INTERVAL
    folder.write("rotations:\n" + again, "conf.d/again.yaml")

    assert folder.problems(CONNECTION + ROTATION + INTERVAL + "include: [conf.d/*.yaml]") == [
        "conf.d/again.yaml:2:11: rotations[0].name: 'billing' is taken (another name; the first is at config.yaml:7:11)"
    ]


def test_two_rotations_on_one_embedded_name_are_told_with_both_lines(folder: Folder) -> None:
    second = ROTATION.replace("name: billing", "name: payroll").replace("BILLING_ID", "PAYROLL_ID") + INTERVAL

    assert folder.problems(CONNECTION + ROTATION + INTERVAL + second) == [
        (
            "config.yaml:15:21: rotations[1].secretsMapping:"
            " embedded:default/prod:BILLING_SECRET is written by 'billing' too,"
            " at config.yaml:7:5 (each place has one writer)"
        )
    ]


def test_two_rotations_in_one_file_are_told_with_both_lines(folder: Folder) -> None:
    file = INTERVAL + "    destinations: [{kind: file, path: /run/app.env}]\n"
    second = ROTATION.replace("name: billing", "name: payroll") + file.replace("/run/app", "/run//app")

    problems = folder.problems(CONNECTION + ROTATION + file + second)

    assert problems[0] == (
        "config.yaml:18:20: rotations[1].destinations[0]: file:/run/app.env:BILLING_ID is written by 'billing' too,"
        " at config.yaml:7:5 (each place has one writer)"
    )


def test_a_folder_of_its_own_keeps_equal_names_apart(folder: Folder) -> None:
    second = ROTATION.replace("name: billing", "name: payroll") + INTERVAL + "    environment: staging\n"

    assert len(folder.load(CONNECTION + ROTATION + INTERVAL + second).rotations) == 2


def test_a_rotation_may_not_take_the_name_under_which_a_connection_rotates(folder: Folder) -> None:
    own = CONNECTION.replace(
        "rotations:\n", "    isAutoRotationEnabled: true\n    rotation: {rotationInterval: 30}\nrotations:\n"
    )

    problems = folder.problems(own + ROTATION.replace("name: billing", "name: connection-contoso") + INTERVAL)

    assert problems == [
        (
            "config.yaml:9:11: rotations[0].name: 'connection-contoso' is taken"
            " (another name; the connection at config.yaml:3:5 rotates under it)"
        )
    ]


def test_two_connections_do_not_rotate_one_secret(folder: Folder) -> None:
    rotating = "    isAutoRotationEnabled: true\n    rotation: {rotationInterval: 30}\n"
    first = CONNECTION.replace("rotations:\n", rotating)
    second = first[first.index("  - name") :].replace("contoso", "contoso-too")

    assert folder.problems(first + second) == [
        (
            "config.yaml:11:28: connections[1].isAutoRotationEnabled:"
            " the connection contoso rotates the secret of this client id already (one of the two)"
        )
    ]
