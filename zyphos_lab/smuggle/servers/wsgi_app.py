"""A WSGI application, for gunicorn and waitress: answers what it read."""

from collections.abc import Callable, Iterable
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    count = 0
    while part := environ["wsgi.input"].read(65536):
        count += len(part)
    target = environ.get("RAW_URI") or environ["PATH_INFO"]
    body = f"read {environ['REQUEST_METHOD']} {target} {count}\n".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
