"""The admin site of the console: our pages, our shell, Unfold inside."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import URLPattern
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from oms.console.shell import current_store, html_class, shell, zone_of


class ConsoleSite(UnfoldAdminSite):
    """One site for everything: Today at the root, pages of our own, plain tables by Unfold."""

    site_title = "Switchyard"
    site_header = "Switchyard"
    index_title = "Today"
    enable_nav_sidebar = False

    def extra_urls(self) -> list[URLPattern]:
        from oms.console.urls import pages

        return pages(self)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from oms.console.today import today

        return today(request)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """As Django's, and times are shown in the store's time zone."""

        def in_store_time(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            with timezone.override(zone_of(current_store(request))):
                response = view(request, *args, **kwargs)
                if hasattr(response, "render") and callable(response.render):
                    response.render()
                return response

        for name in ("csrf_exempt", "__doc__"):
            if hasattr(view, name):
                setattr(in_store_time, name, getattr(view, name))
        return super().admin_view(in_store_time, cacheable)

    def extra_context(self, context: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
        """What Unfold would read from settings, said here once; colours stand in console.css."""
        dark = html_class(request).startswith("dark")
        return {
            **context,
            "site_title": self.site_title,
            "site_header": self.site_header,
            "site_symbol": "local_shipping",
            "site_url": None,
            "site_favicons": [
                {"rel": "icon", "type": "image/svg+xml", "href": static("console/mark.svg")}
            ],
            "colors": None,
            "border_radius": None,
            "theme": "dark" if dark else "light",
            "styles": [static("console/shell.css"), static("console/unfold.css")],
            "scripts": [static("console/console.js")],
            "sidebar_navigation": [],
            "show_back_button": False,
            "shell": shell(request) if request.user.is_authenticated else None,
        }
