"""Logging in at the organisation's own provider: OpenID Connect, authorisation code with PKCE.

The two requests are small and plain; the token's signature and claims are joserfc's business.
"""

import base64
import hashlib
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import joserfc.errors
from joserfc import jwt
from joserfc.jwk import KeySet
from msgspec import Meta, Struct

from koffert_hub.registry import Role

# A provider that is slower than this is down, as far as a nurse is concerned.
ANSWER_S = 10.0
# What a clock may be off.
_LEEWAY_S = 60
_MOST_BYTES = 1024 * 1024
_SECRET_BYTES = 32
# No algorithm of shared secrets, and not "none".
_ALGORITHMS = ("RS256", "PS256", "ES256")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
CALLBACK_PATH = "/login/oidc/callback"

Url = Annotated[str, Meta(pattern="^https?://[^/]")]


class OidcSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The provider, and which of its groups is which role here; the first that fits counts.

    `public_url` is how browsers reach this hub. `role_claim` is the claim that lists the groups. `units` says of a
    receiver's group at which receiving unit it works.
    """

    issuer: Url
    client_id: str
    public_url: Url
    roles: dict[str, Role]
    secret_file: Path | None = None
    role_claim: str = "groups"
    scope: str = "openid profile"
    units: dict[str, str] = {}


class OidcRefused(Exception):
    """The provider's answer lets nobody in; the message is for the log, without who it was."""


class ProviderUnreachable(Exception):
    """The provider does not answer as one: try again, or log in with a local account."""


class Attempt(Struct, frozen=True):
    """What must come back: kept here while the person is at the provider."""

    state: str
    nonce: str
    verifier: str


class Identity(Struct, frozen=True):
    """Who the provider says it is, as known here."""

    username: str
    display_name: str
    role: Role
    unit: str | None = None


class Provider:
    """One provider. Stateless: what it publishes is read at each log-in, so that new keys are known at once."""

    def __init__(self, settings: OidcSettings, now_ms: Callable[[], int]) -> None:
        self._settings = settings
        self._now_ms = now_ms
        self._redirect = settings.public_url.rstrip("/") + CALLBACK_PATH

    def begin(self) -> tuple[str, Attempt]:
        """Where to send the browser, and what to keep until it is back. Raises ProviderUnreachable."""
        attempt = Attempt(*(secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3)))
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect,
            "scope": self._settings.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        address = self._published()["authorization_endpoint"]
        joint = "&" if "?" in address else "?"
        return f"{address}{joint}{urllib.parse.urlencode(query)}", attempt

    def finish(self, code: str, attempt: Attempt) -> Identity:
        """Who it is that came back with this code. Raises OidcRefused and ProviderUnreachable."""
        published = self._published()
        tokens = _fetch(published["token_endpoint"], self._token_request(code, attempt))
        if not isinstance(tokens.get("id_token"), str):
            raise OidcRefused(f"no token: {tokens.get('error', 'without a reason')}")
        keys = _fetch(published["jwks_uri"])
        return self._identity(self._claims(tokens["id_token"], keys, attempt))

    def _token_request(self, code: str, attempt: Attempt) -> dict[str, str]:
        request = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": self._settings.client_id,
            "code_verifier": attempt.verifier,
        }
        secret = self._settings.secret_file
        if secret is not None:
            request["client_secret"] = secret.read_text().strip()
        return request

    def _published(self) -> dict[str, str]:
        issuer = self._settings.issuer.rstrip("/")
        found = _fetch(f"{issuer}/.well-known/openid-configuration")
        needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        if any(not isinstance(found.get(name), str) for name in needed):
            raise ProviderUnreachable("what it publishes is not whole")
        if found["issuer"].rstrip("/") != issuer:
            raise ProviderUnreachable("it is another issuer")
        return {name: found[name] for name in needed}

    def _claims(self, token: str, keys: Any, attempt: Attempt) -> dict[str, Any]:
        required = jwt.JWTClaimsRegistry(
            now=self._now_ms() // 1000,
            leeway=_LEEWAY_S,
            iss={"essential": True, "values": self._issuers()},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": attempt.nonce},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)
            required.validate(decoded.claims)
        except (joserfc.errors.JoseError, ValueError, KeyError, TypeError) as error:
            raise OidcRefused(f"the token does not hold: {type(error).__name__}") from error
        return decoded.claims

    def _issuers(self) -> list[str]:
        bare = self._settings.issuer.rstrip("/")
        return [bare, f"{bare}/"]

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        listed = claims.get(self._settings.role_claim, ())
        groups = [listed] if isinstance(listed, str) else listed
        role = next((role for group, role in self._settings.roles.items() if group in groups), None)
        if role is None:
            raise OidcRefused("none of the person's groups has a role here")
        unit = None
        if role is Role.RECEIVER:
            unit = next((unit for one, unit in self._settings.units.items() if one in groups), None)
            if unit is None:
                raise OidcRefused("none of the receiver's groups works at a receiving unit")
        name = claims.get("name") or claims.get("preferred_username") or claims["sub"]
        # The prefix keeps a provider from naming somebody who has a local account.
        return Identity(f"oidc:{claims['sub']}", str(name), role, unit)


def _fetch(address: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an address; an answer of 4xx is one too. Raises ProviderUnreachable."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise ProviderUnreachable("it is not reached over TLS")
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(address, data, {"Accept": "application/json"})  # noqa: S310 - https, above
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            body = answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            body = error.read(_MOST_BYTES)
    except OSError as error:
        raise ProviderUnreachable(type(error).__name__) from error
    try:
        found = json.loads(body)
    except ValueError as error:
        raise ProviderUnreachable("it does not speak JSON") from error
    if not isinstance(found, dict):
        raise ProviderUnreachable("it does not speak JSON objects")
    return found
