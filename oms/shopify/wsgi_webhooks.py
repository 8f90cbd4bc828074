"""The door for webhooks in front of Django: the same checks without the request machinery."""

from collections.abc import Callable, Iterable
from typing import Any

from oms.shopify.webhooks import PREFIX, receive

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    503: "Service Unavailable",
}


def with_webhooks(django: Application) -> Application:
    """Answer webhook deliveries here and hand every other request on."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return django(environ, start_response)
        handle, slash, rest = path.removeprefix(PREFIX).partition("/")
        if not handle or not slash or rest:
            status = 404
        elif environ["REQUEST_METHOD"] != "POST":
            status = 405
        else:
            status = receive(handle, _headers_of(environ), environ["wsgi.input"].read)
        start_response(f"{status} {REASONS[status]}", [("Content-Length", "0")])
        return [b""]

    return application


def _headers_of(environ: dict[str, Any]) -> Callable[[str], str]:
    def header(name: str) -> str:
        key = name.upper().replace("-", "_")
        return environ.get("CONTENT_LENGTH" if key == "CONTENT_LENGTH" else f"HTTP_{key}", "")

    return header
