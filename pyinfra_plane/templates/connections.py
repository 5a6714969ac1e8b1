"""Run by Python in a container of Plane's image: connect to PostgreSQL, Redis and the broker as Plane will."""

import importlib
import json
import os
import time
from urllib.parse import unquote, urlsplit

TRIES = int(os.environ.get("CONNECTION_TRIES", "15"))

# Errors that waiting does not fix, in the words of PostgreSQL, Redis and RabbitMQ.
FINAL = ("authentication", "noauth", "wrongpass", "invalid username", "access_refused", "not allowed", "does not exist")


def postgresql(url):  # type: ignore[no-untyped-def]
    importlib.import_module("psycopg").connect(url, connect_timeout=10).close()


def redis(url):  # type: ignore[no-untyped-def]
    # Plane checks no certificate here (every tried release).
    options = {"ssl_cert_reqs": None} if url.startswith("rediss:") else {}
    client = importlib.import_module("redis").Redis
    client.from_url(url, socket_connect_timeout=10, socket_timeout=10, **options).ping()


def broker(url):  # type: ignore[no-untyped-def]
    with importlib.import_module("kombu").Connection(url, connect_timeout=10) as connection:
        connection.connect()
        connection.channel().close()


def main() -> dict[str, object]:
    get = os.environ.get
    checks = {
        "DATABASE_URL": postgresql,
        "REDIS_URL": redis,
        # Celery uses the first of these two.
        "CELERY_BROKER_URL" if get("CELERY_BROKER_URL") else "AMQP_URL": broker,
    }
    for name, connect in checks.items():
        url = get(name)
        error = None if not url else awaited(connect, url)
        if url and error is not None:
            return {"variable": name, "error": without_password(error, url)}
    return {}


def awaited(connect, url):  # type: ignore[no-untyped-def]
    """Retry for some seconds, because a server that was just started may not listen yet; return the error, or None."""
    for left in range(TRIES, -1, -1):
        try:
            connect(url)
            return None
        except ModuleNotFoundError:
            return None  # an image with another client
        except Exception as error:  # noqa: BLE001 -- each client has its own tree of errors; what went wrong is told
            said = f"{type(error).__name__}: {error}"
        if not left or any(word in said.lower() for word in FINAL):
            return said
        time.sleep(1)
    return None


def without_password(said: str, url: str) -> str:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        password = ""
    for secret in (url, password, unquote(password)):
        said = said.replace(secret, "…") if len(secret) > 2 else said
    return said


print(json.dumps(main()))
