"""What goes wrong on request, how often, and before or after the work is done?"""

import re
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from rotator.simulator.aadsts import usual_status
from rotator.simulator.wire import Answer, Hang, Headers, Json, Reset, SimResponse, json_response

_KEYS = frozenset(
    {
        "match",
        "clientId",
        "when",
        "status",
        "hang",
        "reset",
        "times",
        "probability",
        "headers",
        "code",
        "message",
        "body",
        "delay",
        "challenge",
    }
)

_CODES = {
    400: ("Request_BadRequest", "Unable to process the request: there are concurrent requests on the same object."),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: (
        "Request_ResourceNotFound",
        "Resource does not exist or one of its queried reference-property objects are not present.",
    ),
    409: (
        "Directory_ConcurrencyViolation",
        "The directory object was changed by another request at the same time. Try again.",
    ),
    429: ("TooManyRequests", "Too many requests."),
    500: ("InternalServerError", "An unexpected error occurred."),
    502: ("BadGateway", "The gateway received an invalid response."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable. Try again later."),
    504: ("GatewayTimeout", "The gateway timed out."),
}


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    `match` is searched in `operation METHOD path`, such as `addPassword POST /v1.0/applications/…/addPassword`.
    With `client_id` only that client's requests are hit. `times` is how often it still strikes (None: always). With
    `when` `after` the work is done first, and its answer lost. `code` is a word of Graph's, or an AADSTS number, which
    brings its usual status with it.
    `body` replaces the error body (text is sent as it is, anything else as JSON); `delay` holds the real answer back.
    """

    match: re.Pattern[str]
    client_id: str | None = None
    when: Literal["before", "after"] = "before"
    effect: Literal["status", "hang", "reset", "delay", "challenge"] = "status"
    status: int = 503
    times: int | None = None
    probability: float = 1.0
    headers: Headers = ()
    code: str | int | None = None
    message: str | None = None
    body: object = None
    delay: float = 0.0
    struck: int = field(default=0)

    @classmethod
    def from_json(cls, rule: Json) -> "Fault":
        """A rule as the control address takes it. Raises `ValueError` for one that makes no sense."""
        if unknown := set(rule) - _KEYS:
            msg = f"unknown key {min(unknown)} (allowed: {', '.join(sorted(_KEYS))})"
            raise ValueError(msg)
        if rule.get("when", "before") not in {"before", "after"}:
            msg = f"when is {rule['when']!r} (allowed: before, after)"
            raise ValueError(msg)
        try:
            match = re.compile(rule.get("match", ""))
        except re.error as error:
            msg = f"match is no regular expression: {error}"
            raise ValueError(msg) from None
        return cls(
            match=match,
            client_id=rule.get("clientId"),
            when=rule.get("when", "before"),
            effect=_effect(rule),
            status=int(rule.get("status", _usual_status(rule))),
            times=rule.get("times"),
            probability=float(rule.get("probability", 1.0)),
            headers=tuple((str(name), str(value)) for name, value in rule.get("headers", {}).items()),
            code=rule.get("code"),
            message=rule.get("message"),
            body=rule.get("body"),
            delay=float(rule.get("delay", 0)),
        )

    def as_json(self) -> Json:
        """What the control address shows of it."""
        return {
            "match": self.match.pattern,
            "clientId": self.client_id,
            "when": self.when,
            "effect": self.effect,
            "status": self.status,
            "times": self.times,
            "probability": self.probability,
            "struck": self.struck,
        }

    def error(self) -> tuple[str | int, str]:
        """The code and text of its error body."""
        code, message = _CODES.get(self.status, ("UnknownError", "An error made on request."))
        return self.code or code, self.message or message


class Faults:
    """The faults that are waiting to strike, first come first served."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.rules: list[Fault] = []

    def add(self, rule: Json | None = None, **keys: object) -> Fault:
        """Add a rule, given as the JSON of `POST /_sim/faults` or as keywords. Raises `ValueError`."""
        fault = Fault.from_json((rule or {}) | keys)
        self.rules.append(fault)
        return fault

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.rules.clear()

    def strike(self, line: str, client_id: str) -> Fault | None:
        """The fault that befalls the request `operation METHOD path` of that client; it is counted."""
        for fault in self.rules:
            if not fault.match.search(line) or fault.client_id not in {None, client_id}:
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            self._count(fault)
            return fault
        return None

    def _count(self, fault: Fault) -> None:
        fault.struck += 1
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.rules.remove(fault)


def lost_answer(fault: Fault) -> Answer | None:
    """The answer of a fault that does not depend on who is asked; None when it takes an error body of theirs."""
    if fault.effect == "hang":
        return Hang()
    if fault.effect == "reset":
        return Reset()
    if isinstance(fault.body, str):
        return SimResponse(fault.status, (("content-type", "text/html"), *fault.headers), fault.body.encode())
    if fault.body is not None:
        return json_response(fault.status, fault.body, fault.headers)
    return None


def _usual_status(rule: Json) -> int:
    if rule.get("challenge"):
        return 401
    return usual_status(rule["code"]) if isinstance(rule.get("code"), int) else 503


def _effect(rule: Json) -> Literal["status", "hang", "reset", "delay", "challenge"]:
    if rule.get("hang"):
        return "hang"
    if rule.get("reset"):
        return "reset"
    if rule.get("challenge"):
        return "challenge"
    if "delay" in rule and "status" not in rule:
        return "delay"
    return "status"
