"""Every error of the API in one shape: {"error": {"code", "sentence", "fields"}}."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from oms.core.errors import Refused

CODES = {
    400: "invalid", 401: "no_key", 403: "no_scope", 404: "not_found", 405: "method",
    406: "format", 409: "refused", 413: "too_large", 415: "format", 429: "too_many",
}  # fmt: skip


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """For REST_FRAMEWORK["EXCEPTION_HANDLER"]; what is no answer to a caller goes up."""
    if isinstance(error, Refused):
        return shaped(409, error.sentence)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        fields = _fields(error.detail)
        first = next(((name, words[0]) for name, words in fields.items() if words), ("", ""))
        sentence = f"{first[0]}: {first[1]}" if first[0] else first[1] or "The request is invalid."
        return shaped(400, sentence, fields)
    made = shaped(response.status_code, _sentence(error))
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if header in response.headers:
            made[header] = response.headers[header]
    return made


def shaped(status: int, sentence: str, fields: Mapping[str, Any] | None = None) -> Response:
    body = {"code": CODES.get(status, "error"), "sentence": sentence, "fields": fields or {}}
    return Response({"error": body}, status=status)


def _sentence(error: Exception) -> str:
    if isinstance(error, exceptions.Throttled):
        seconds = round(getattr(error, "wait", None) or 1)
        return f"Too many calls this minute; ask again in {seconds} seconds."
    if isinstance(error, exceptions.NotAuthenticated):
        return "Send the key as: Authorization: Bearer sy_…"
    if isinstance(error, Http404):
        return str(error) or "There is nothing at this address."
    if isinstance(error, PermissionDenied):
        return "This is not allowed."
    return str(getattr(error, "detail", error))


def _fields(detail: Any) -> dict[str, list[str]]:
    """What is wrong by field, whatever nesting a serializer made of it."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            for path, words in _fields(inner).items():
                found[f"{name}.{path}".strip(".")] = words
        return found
    if isinstance(detail, list) and any(isinstance(part, Mapping | list) for part in detail):
        found = {}
        for number, part in enumerate(detail):
            for path, words in _fields(part).items():
                found[f"{number}.{path}".strip(".")] = words
        return found
    return {"": [str(part) for part in (detail if isinstance(detail, list) else [detail])]}
