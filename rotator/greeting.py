"""How do people sign in to the dashboard, or let connections act for them? Between its pages and Entra."""

from __future__ import annotations

from urllib.parse import urlsplit

from rotator.app import Engine
from rotator.config.dashboard import Dashboard
from rotator.domain.access import Grant, Role
from rotator.entra.clouds import endpoints
from rotator.entra.people import People, consent_url
from rotator.entra.signing_keys import TenantKeys
from rotator.web.auth.keyring import Keyring
from rotator.web.dashboard.parts import EntraSignIn, RoleRule
from rotator.web.dashboard.visits import CONSENT_RETURN
from rotator.web.refusals import BadRequest


class SignIns:
    """Gives how people sign in; a reload that changes it is heeded at once, else keys that are known stay known."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._of: object = None
        self._made: EntraSignIn | None = None

    def __call__(self) -> EntraSignIn | None:
        configuration = self._engine.configuration
        wanted = (configuration.dashboard, dict(configuration.clouds), self._engine.directories.network)
        if wanted != self._of:
            self._made, self._of = self._built(configuration.dashboard), wanted
        return self._made

    def _built(self, options: Dashboard) -> EntraSignIn | None:
        if options.tenant_id is None or options.client_id is None:
            return None
        cloud = endpoints(options.cloud, self._engine.configuration.clouds)
        network = self._engine.directories.network
        rules = tuple(
            RoleRule(
                Grant(Role(each.role), each.project, each.environment, each.path),
                each.app_role or "",
                (each.group or "").lower(),
            )
            for each in options.roles
        )
        return EntraSignIn(
            address=options.address,
            tenant_id=options.tenant_id,
            client_id=options.client_id,
            rules=rules,
            life=options.session,
            authority=People(
                cloud,
                network,
                tenant_id=options.tenant_id,
                client_id=options.client_id,
                client_secret=options.client_secret,
                has_groups=any(each.group for each in options.roles),
            ),
            keyring=Keyring(TenantKeys(lambda _: cloud, network), self._engine.world.clock.monotonic),
        )


class Consents:
    """Implements the protocol `Consent` of the pages, by the application of `api.oauth`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def is_here(self) -> bool:
        """Entra sends browsers back to a page of ours."""
        configuration = self._engine.configuration
        oauth, address = configuration.api.oauth, configuration.dashboard.address
        if oauth is None or urlsplit(oauth.redirect_uri).path != CONSENT_RETURN:
            return False
        return not address or oauth.redirect_uri.lower() == f"{address}{CONSENT_RETURN}"

    def url(self, tenant_id: str, cloud: str, *, state: str, challenge: str) -> str:
        """Where to send a browser. Raises ConfigError for a cloud that is not defined, BadRequest."""
        configuration = self._engine.configuration
        oauth = configuration.api.oauth
        if oauth is None:
            raise BadRequest("Nobody makes connections in a person's name here", hint="Configure api.oauth.")
        return consent_url(
            endpoints(cloud, configuration.clouds),
            tenant_id,
            oauth.client_id,
            redirect_uri=oauth.redirect_uri,
            state=state,
            challenge=challenge,
        )
