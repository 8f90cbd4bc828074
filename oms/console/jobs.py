"""The django-rq pages at /jobs/, inside the shell, for those who keep the machines running."""

from functools import wraps

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django_rq.urls import get_admin_urlpatterns, get_api_urlpatterns
from redis.exceptions import RedisError

from oms.console.access import View, needs
from oms.console.shell import page


def job_pages() -> tuple[list[URLPattern], str, str]:
    """For path(): every page of django-rq, each behind a login and the ability to see jobs."""
    # The JSON twin would answer anybody on the staff; here it asks for the ability too.
    json_pages = get_api_urlpatterns()
    for pattern in json_pages:
        pattern.callback = _guard(pattern.callback)
    return [*json_pages, *get_admin_urlpatterns(view_wrapper=_guard)], "django_rq", "django_rq"


def _guard(view: View) -> View:
    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except RedisError as error:
            return page(request, "console/no_redis.html", {"error": error}, status=503)

    return admin.site.admin_view(needs("console.see_jobs")(answered))
