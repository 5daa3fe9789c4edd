"""How are several Graph calls answered in one?"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from rotator.simulator.wire import Answer, Json, SimRequest, SimResponse, json_response

_LIMIT = 20


def answer_batch(handle: Callable[[SimRequest], Answer], request: SimRequest) -> SimResponse:
    """`POST /$batch`: each item is handled alone, in order; one whose `dependsOn` failed answers 424."""
    try:
        items: Any = json.loads(request.body)["requests"]
    except (ValueError, KeyError, TypeError):
        items = []
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return _refused("Invalid batch payload format.")
    if len(items) > _LIMIT:
        return _refused(f"Number of batch request steps exceeds the maximum value of {_LIMIT}.")
    statuses: dict[str, int] = {}
    responses: list[Json] = []
    for item in items:
        failed = [one for one in item.get("dependsOn", ()) if statuses.get(one, 424) >= 400]
        response = _failed_dependency() if failed else _answer(handle, request, item)
        statuses[item.get("id", "")] = response["status"]
        responses.append({"id": item.get("id")} | response)
    return json_response(200, {"responses": responses})


def _answer(handle: Callable[[SimRequest], Answer], request: SimRequest, item: Json) -> Json:
    path, _, query = str(item.get("url", "")).partition("?")
    version = request.path.split("/", 2)[1]
    inner = {name.lower(): str(value) for name, value in item.get("headers", {}).items()}
    outer = {name: value for name, value in request.headers.items() if name in {"authorization", "host"}}
    body = json.dumps(item["body"]).encode() if "body" in item else b""
    method = str(item.get("method", "GET")).upper()
    answer = handle(SimRequest(method, f"/{version}/{unquote(path).lstrip('/')}", query, outer | inner, body))
    if not isinstance(answer, SimResponse):
        return {
            "status": 504,
            "headers": {},
            "body": {"error": {"code": "GatewayTimeout", "message": "The gateway timed out."}},
        }
    headers = {name.title(): value for name, value in answer.headers}
    return {"status": answer.status, "headers": headers} | ({"body": _content(answer.body)} if answer.body else {})


def _content(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _failed_dependency() -> Json:
    return {
        "status": 424,
        "headers": {},
        "body": {"error": {"code": "FailedDependency", "message": "A dependency failed."}},
    }


def _refused(message: str) -> SimResponse:
    return json_response(400, {"error": {"code": "BadRequest", "message": message}})
