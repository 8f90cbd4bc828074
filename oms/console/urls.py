"""Addresses of the console's own pages; they hang on the admin site, so each asks for a login."""

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from oms.console import lookup, orders, policies, queue, refunds, returns, streams

ROOMS = (queue, orders, lookup, returns, refunds, streams, policies)


def pages(site: AdminSite) -> list[URLPattern]:
    """Every own page, wrapped by the site; `admin:NAME` is its name in templates."""
    return [
        path(route, site.admin_view(view), name=name)
        for room in ROOMS
        for route, view, name in room.PAGES
    ]
