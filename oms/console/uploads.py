"""Files that come through the browser: a bound that is checked before a byte of them is stored."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

MOST_BYTES = 10 << 20
MOST_WORDS = "10 MB"
# The other fields of the form and the marks between them.
_AROUND = 64 << 10


class UploadLimit:
    """Middleware, before anything that reads a form: a form that is too large is not read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (request.content_type or "").startswith("multipart/"):
            length = request.META.get("CONTENT_LENGTH", "")
            if not length.isdecimal() or int(length) > MOST_BYTES + _AROUND:
                return HttpResponse(
                    f"Files of more than {MOST_WORDS} do not come through the browser;"
                    " load them with manage.py load_stock.",
                    status=413,
                    content_type="text/plain; charset=utf-8",
                )
        return self.get_response(request)
