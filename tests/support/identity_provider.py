"""An OpenID provider on loopback: Canaille, a whole one, in a process of its own.

Its own log-in form is passed over (whoever the cookie `who` names is logged in); everything that the hub
meets is real: discovery, authorisation, consent, codes with PKCE, tokens, keys.
"""

import json
import logging
import sys
import uuid
from datetime import UTC, datetime
from wsgiref.simple_server import make_server

from canaille import create_app
from canaille.app import models
from canaille.app.session import UserSession
from canaille.backends import Backend
from flask import Flask, g, request
from joserfc.jwk import RSAKey


def main(port: int, callback: str) -> None:
    """Serve until killed; say on stdout when it is up."""
    key = RSAKey.generate_key(2048)
    key.ensure_kid()
    app = create_app(
        config={
            "TESTING": True,
            "ENV_FILE": None,
            "SECRET_KEY": uuid.uuid4().hex,
            "PREFERRED_URL_SCHEME": "http",
            "SERVER_NAME": f"localhost:{port}",
            "CANAILLE": {
                "DATABASE": "memory",
                "ACL": {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}},
                "LOGGING": {"version": 1, "disable_existing_loggers": False},
            },
            "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
        }
    )
    logging.disable(logging.CRITICAL)
    with app.app_context():
        register(callback)
        log_in_whoever_is_named(app)
    server = make_server("localhost", port, app)
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201 - who started us waits for it
    server.serve_forever()


def register(callback: str) -> None:
    """One client, and people of some groups, who have all consented."""
    backend = Backend.instance
    client = models.Client(
        client_id="koffert",
        client_name="Koffert",
        client_uri="http://localhost",
        redirect_uris=[callback],
        grant_types=["authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="none",
        scope=["openid", "profile", "groups"],
        id_token_signed_response_alg="RS256",
    )
    backend.save(client)
    client.audience = [client]
    backend.save(client)
    for name, group in (
        ("nurse", "koffert-nurses"),
        ("receiver", "sus-heart-staff"),
        ("adrift", "unit-staff"),
        ("outsider", "others"),
    ):
        user = models.User(
            user_name=name,
            formatted_name=f"Testperson {name}",
            family_name=name,
            emails=[f"{name}@localhost"],
        )
        backend.save(user)
        backend.save(models.Group(display_name=group, members=[user]))
        now = datetime.now(UTC)
        consent = models.Consent(
            consent_id=uuid.uuid4().hex,
            client=client,
            subject=user,
            scope=client.scope,
            issue_date=now,
        )
        backend.save(consent)


def log_in_whoever_is_named(app: Flask) -> None:
    """As if each request came from a person who has logged in there."""

    @app.before_request
    def log_in() -> None:
        name = request.cookies.get("who")
        if name is not None:
            user = Backend.instance.get(models.User, user_name=name)
            now = datetime.now(UTC)
            g.session = UserSession(user=user, last_login_datetime=now)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
