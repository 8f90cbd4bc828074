"""Addresses of the console's own pages; they hang on the admin site, so each asks for a login."""

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from oms.console import (
    api_keys,
    authority,
    count,
    counts,
    drift,
    feeds,
    lookup,
    nearby,
    orders,
    policies,
    queue,
    receiving,
    refunds,
    returns,
    stock,
    stock_acts,
    stock_item,
    stock_rules,
    streams,
    supply,
    transfers,
)

ROOMS = (
    queue,
    orders,
    lookup,
    returns,
    refunds,
    stock,
    stock_rules,
    stock_item,
    stock_acts,
    nearby,
    supply,
    receiving,
    transfers,
    feeds,
    authority,
    counts,
    count,
    drift,
    streams,
    policies,
    api_keys,
)


def pages(site: AdminSite) -> list[URLPattern]:
    """Every own page, wrapped by the site; `admin:NAME` is its name in templates."""
    return [
        path(route, site.admin_view(view), name=name)
        for room in ROOMS
        for route, view, name in room.PAGES
    ]
