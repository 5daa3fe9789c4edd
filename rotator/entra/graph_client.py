"""How is Microsoft Graph called? By the request builders of its SDK, with nothing below them that repeats a request.

With `graph_models.py` the only home of msgraph and kiota. Import this module in a thread: it takes 0.3 s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx
from kiota_abstractions.authentication import AccessTokenProvider, AllowedHostsValidator
from kiota_abstractions.authentication.base_bearer_token_authentication_provider import (
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.native_response_handler import NativeResponseHandler
from kiota_abstractions.request_information import RequestInformation
from kiota_abstractions.serialization import Parsable
from kiota_http.middleware import REQUEST_OPTIONS_KEY, ParametersNameDecodingHandler
from kiota_http.middleware.options import ResponseHandlerOption
from kiota_serialization_json.json_parse_node_factory import JsonParseNodeFactory
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (
    RemovePasswordPostRequestBody,
)
from msgraph.generated.applications_with_app_id.applications_with_app_id_request_builder import (
    ApplicationsWithAppIdRequestBuilder,
)
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_request_adapter import options as sdk_options
from msgraph.graph_service_client import GraphServiceClient
from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]
from msgraph_core.middleware import GraphTelemetryHandler  # type: ignore[import-untyped]
from msgraph_core.middleware.options import GraphTelemetryHandlerOption  # type: ignore[import-untyped]
from opentelemetry.trace import INVALID_SPAN, Span

from rotator.entra.answers import Answer
from rotator.entra.clouds import Endpoints
from rotator.entra.graph_models import SELECTED, ApplicationAnswer, PasswordAnswer

Model = TypeVar("Model", bound=Parsable)
_ByClientId = ApplicationsWithAppIdRequestBuilder.ApplicationsWithAppIdRequestBuilderGetQueryParameters


class GraphClient:
    """The few calls we make. Each is one HTTP request, returns whatever Graph answered, and raises httpx's errors.

    `token` is asked before each request is sent; what it raises comes out as it is, and then nothing was sent.
    `http` gets the SDK's middleware put before its transport: it serves nothing else from now on, and is closed here.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        cloud: Endpoints,
        *,
        token: Callable[[], Awaitable[str]],
        new_id: Callable[[], str],
    ) -> None:
        # Not the SDK's default chain: it repeats POST on 429, 503 and 504, and follows redirects. Here neither exists.
        telemetry = sdk_options[GraphTelemetryHandlerOption.get_key()]
        chain = [ParametersNameDecodingHandler(), _Telemetry(telemetry, cloud.graph)]
        self._http = http
        self._sockets = http._transport  # noqa: SLF001 - the SDK puts its own before it, which does not close this one
        GraphClientFactory.create_with_custom_middleware(chain, client=http)
        provider = BaseBearerTokenAuthenticationProvider(_Tokens(token, cloud.graph_host))
        self._adapter = _Adapter(provider, http)
        self._adapter.base_url = cloud.graph
        self._graph = GraphServiceClient(request_adapter=self._adapter)
        self._new_id = new_id

    async def application(self, *, object_id: str, client_id: str = "") -> Answer:
        """The selected fields of an application, by its object id, else by its client id."""
        if object_id:
            builder = self._graph.applications.by_application_id(object_id)
            address = self._of(object_id, f"?$select={','.join(SELECTED)}")
            return await self._get(builder.with_url(address).to_get_request_information(self._how()))
        other = self._graph.applications_with_app_id(client_id)
        return await self._get(other.to_get_request_information(self._how(_ByClientId(select=SELECTED))))

    async def add_password(self, object_id: str, display_name: str, expires_at: datetime) -> Answer:
        """Ask for one new secret; Graph chooses its start."""
        wanted = PasswordCredential(display_name=display_name, end_date_time=expires_at)
        builder = self._graph.applications.by_application_id(object_id).add_password
        return _answer(await builder.post(AddPasswordPostRequestBody(password_credential=wanted), self._how()))

    async def remove_password(self, object_id: str, key_id: str) -> Answer:
        """Ask for one secret to be removed."""
        from uuid import UUID

        builder = self._graph.applications.by_application_id(object_id).remove_password
        # Typed as returning nothing, yet the response handler's value comes through.
        post = cast("Callable[..., Awaitable[object]]", builder.post)
        return _answer(await post(RemovePasswordPostRequestBody(key_id=UUID(key_id)), self._how()))

    async def policies_of(self, object_id: str) -> Answer:
        """The app management policies assigned to this application."""
        builder = self._graph.applications.by_application_id(object_id).app_management_policies
        address = self._of(object_id, "/appManagementPolicies")
        return await self._get(builder.with_url(address).to_get_request_information(self._how()))

    async def page(self, path: str, *, eventual: bool = False, beta: bool = False) -> Answer:
        """A page of any list: its path below Graph, or the link to it from the page before.

        `eventual`: an advanced query, answered from an index that lags behind. `beta`: what Graph may change any day.
        """
        # Not by the list's own builder: the SDK's one for service principals takes a tenth of a second to import.
        how = self._how()
        if eventual:
            how.headers.add("ConsistencyLevel", "eventual")
        base = self._adapter.base_url
        root = f"{base.rpartition('/')[0]}/beta" if beta else base
        address = path if "://" in path else f"{root}/{path}"
        return await self._get(self._graph.applications.with_url(address).to_get_request_information(how))

    async def owners_of(self, object_id: str) -> Answer:
        """The owners of an application; the first hundred, which is the most it may have."""
        builder = self._graph.applications.by_application_id(object_id).owners
        return await self._get(builder.to_get_request_information(self._how()))

    async def default_policy(self) -> Answer:
        """The app management policy of the whole tenant."""
        builder = self._graph.policies.default_app_management_policy
        return await self._get(builder.to_get_request_information(self._how()))

    @staticmethod
    def application_in(answer: Answer) -> ApplicationAnswer:
        """The application an answer holds; an empty one where it holds none."""
        return _read(answer, ApplicationAnswer)

    @staticmethod
    def password_in(answer: Answer) -> PasswordAnswer:
        """The password credential an answer holds; an empty one where it holds none."""
        return _read(answer, PasswordAnswer)

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()
        await self._sockets.aclose()

    def prepare(self) -> None:
        """Have the SDK import what it imports on first use; for the thread that makes this client."""
        one = self._graph.applications.by_application_id("0")
        _ = one.add_password, one.remove_password, self._graph.applications_with_app_id("0")
        one.app_management_policies.to_get_request_information(self._how())
        self._graph.policies.default_app_management_policy.to_get_request_information(self._how())
        body = AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="", secret_text=""))
        one.add_password.to_post_request_information(body, self._how())

    def _of(self, object_id: str, rest: str) -> str:
        """An address below an application, put together here: the SDK's templates take 0.3 ms for it."""
        return f"{self._adapter.base_url}/applications/{quote(object_id, safe='')}{rest}"

    async def _get(self, info: RequestInformation) -> Answer:
        # The handler hands out the response as it came, so no model and no error class is ever made from it.
        send = cast("Callable[..., Awaitable[object]]", self._adapter.send_async)
        return _answer(await send(info, None, None))

    def _how(self, query: Any = None) -> RequestConfiguration[Any]:
        how = RequestConfiguration[Any](
            options=[ResponseHandlerOption(NativeResponseHandler())], query_parameters=query
        )
        how.headers.add("client-request-id", self._new_id())
        return how


def _read(answer: Answer, model: type[Model]) -> Model:
    try:
        node = JsonParseNodeFactory().get_root_parse_node("application/json", answer.content or b"{}")
        return cast("Model", node.get_object_value(cast("Any", model)))
    except (ValueError, TypeError, AttributeError):
        return model()


def _answer(response: object) -> Answer:
    assert isinstance(response, httpx.Response)
    return Answer(response.status_code, response.headers, response.content)


class _Telemetry(GraphTelemetryHandler):  # type: ignore[misc]  # of a package without types
    """The SDK's headers for Microsoft, without finding out for each request whether it goes to Graph: all do."""

    def __init__(self, options: GraphTelemetryHandlerOption, graph: str) -> None:
        super().__init__(options=options)
        self._is_known = bool(super().is_graph_url(graph))

    def is_graph_url(self, url: object) -> bool:
        """One of Microsoft's clouds."""
        _ = url
        return self._is_known


class _Adapter(GraphRequestAdapter):
    """The SDK's adapter with a sending of its own: once, whatever the answer.

    The SDK's answers a claims challenge by sending the request a second time (law L4). Nor do we trace what happens
    within the SDK, which takes time even where nobody listens: our own traces tell of each request.
    """

    def start_tracing_span(self, request_info: RequestInformation, method: str) -> Span:
        _ = request_info, method
        return INVALID_SPAN

    async def get_http_response_message(
        self, request_info: RequestInformation, parent_span: Span, claims: str = ""
    ) -> httpx.Response:
        _ = parent_span, claims
        self.set_base_url_for_request_information(request_info)
        request_info.url = request_info.url  # expands the template here, not three times further down: 0.3 ms
        await self._authentication_provider.authenticate_request(request_info, {})
        assert request_info.http_method is not None
        options = {self.observability_options.get_key(): self.observability_options, **request_info.request_options}
        request = self._http_client.build_request(
            request_info.http_method.value,
            _parsed(request_info.url),
            headers=request_info.request_headers,
            content=request_info.content,
            extensions={REQUEST_OPTIONS_KEY: options},
        )
        response: httpx.Response = await self._http_client.send(request)
        return response


@lru_cache(maxsize=256)
def _parsed(address: str) -> httpx.URL:
    """The same few addresses below an application; none holds a secret."""
    return httpx.URL(address)


class _Tokens(AccessTokenProvider):
    """Our access token, for the cloud's Graph and no other host."""

    def __init__(self, token: Callable[[], Awaitable[str]], host: str) -> None:
        self._token = token
        self._hosts = AllowedHostsValidator([host])

    async def get_authorization_token(
        self, uri: str, additional_authentication_context: dict[str, Any] | None = None
    ) -> str:
        """The token, or nothing for a host that is not Graph."""
        _ = additional_authentication_context
        return await self._token() if self._hosts.is_url_host_valid(uri) else ""

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        """Which hosts may see it."""
        return self._hosts
