"""Addresses of the console's own pages; they hang on the admin site, so each asks for a login."""

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path


def pages(site: AdminSite) -> list[URLPattern]:
    """Every own page, wrapped by the site; `admin:NAME` is its name in templates."""
    return [path(route, site.admin_view(view), name=name) for route, view, name in _table()]


def _table() -> list[tuple]:
    import importlib
    import importlib.util

    rows = []
    for name in ("queue", "streams", "policies", "orders", "lookup", "returns", "refunds"):
        if importlib.util.find_spec(f"oms.console.{name}"):
            rows += importlib.import_module(f"oms.console.{name}").PAGES
    return rows
