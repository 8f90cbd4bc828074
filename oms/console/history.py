"""Who did it: the history rows of a request carry the person and the address.

pghistory's own middleware puts its settings in front of every statement, and two statements in one
cannot be prepared. Here they are set once, before the work of a request that may write.
"""

import contextlib
import json
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

SAFE = ("GET", "HEAD", "OPTIONS")
_SET = """
SELECT set_config('pghistory.context_id', %s, false),
       set_config('pghistory.context_metadata', %s, false)
"""


class RequestHistory:
    """Middleware, after the one that knows the user."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in SAFE or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        who = {"user": request.user.pk, "url": request.path}
        _set(str(uuid.uuid4()), json.dumps(who))
        try:
            return self.get_response(request)
        finally:
            # The connection is kept for the next request. An empty id means: nobody.
            with contextlib.suppress(DatabaseError):
                _set("", "")


def _set(context_id: str, metadata: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SET, [context_id, metadata])
