"""What stands around every page: the menu, the store, the person, the clock."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Group
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from oms.console.access import may, person
from oms.console.roles import TITLES
from oms.core import clock
from oms.core.models import Store

# word, icon, address name, ability, key after g
MENU: list[tuple[str, list[tuple[str, str, str, str, str]]]] = [
    (
        "Work",
        [
            ("Today", "space_dashboard", "admin:index", "", "h"),
            ("Exception queue", "warning", "admin:queue", "console.work_exceptions", "q"),
            ("Orders", "shopping_cart", "admin:orders", "", "o"),
            ("Returns", "undo", "admin:returns", "console.manage_returns", ""),
            ("Refunds", "payments", "admin:refunds", "console.see_refunds", "r"),
        ],
    ),
    (
        "Stock",
        [
            ("Availability", "deployed_code", "admin:stock", "inventory.view_stocklevel", "a"),
            ("Nearby", "near_me", "admin:nearby", "inventory.view_stocklevel", ""),
            ("Supply", "local_shipping", "admin:supply", "console.receive_stock", ""),
            ("Receiving", "input", "admin:receiving", "console.receive_stock", ""),
            ("Transfers", "swap_horiz", "admin:transfers", "console.receive_stock", ""),
            ("Counts", "fact_check", "admin:counts", "console.count_stock", ""),
            ("Feeds", "upload_file", "admin:feeds", "console.load_feeds", ""),
            ("Drift", "difference", "admin:drift", "console.repair_drift", ""),
            ("Rules", "tune", "admin:stock_rules", "inventory.view_stocklevel", ""),
            ("Items", "sell", "admin:catalog_item_changelist", "catalog.view_item", ""),
            ("Locations", "warehouse", "admin:inventory_location_changelist",
             "inventory.view_location", ""),
        ],
    ),
    (
        "Rules",
        [("Routing", "alt_route", "admin:routing_policy_changelist", "routing.view_policy", "")],
    ),
    (
        "Platform",
        [
            ("Streams", "ecg_heart", "admin:streams", "console.see_platform", ""),
            ("Jobs", "manufacturing", "django_rq:home", "console.see_jobs", ""),
            ("Messages", "inbox", "admin:core_inboxmessage_changelist",
             "core.view_inboxmessage", ""),
            ("Write-backs", "outbox", "admin:core_outboxintent_changelist",
             "core.view_outboxintent", ""),
            ("API keys", "key", "admin:api_keys", "console.manage_keys", ""),
            ("Audit and access", "lock", "admin:auth_user_changelist", "auth.view_user", ""),
        ],
    ),
]  # fmt: skip

# Nothing from outside this site, and nothing inline: what a customer typed can never run.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
MOST_COUNTED = 10_000


@dataclass(slots=True)
class Entry:
    """One line of the menu, for one person on one page."""

    word: str
    icon: str
    url: str
    go: str
    current: bool
    count: str = ""
    red: bool = False


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Render one of our own pages inside the shell, in the store's time zone."""
    around = shell(request)
    with timezone.override(zone_of(around["store"])):
        response = render(request, template, {"shell": around, **(context or {})}, status=status)
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = "no-store"
    return response


def current_store(request: HttpRequest) -> Store | None:
    """The store this person looks at; read once a request, None on an empty installation."""
    if not hasattr(request, "_store"):
        request._store = Store.objects.select_related("shopify").order_by("pk").first()  # type: ignore[attr-defined]
    return request._store  # type: ignore[attr-defined]


def zone_of(store: Store | None) -> ZoneInfo:
    return ZoneInfo(store.timezone if store else "UTC")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Everything base.html needs: one query for the store, one for the counts, one for the role."""
    if cached := getattr(request, "_shell", None):
        return cached
    store = current_store(request)
    user = person(request)
    name = user.get_full_name() or user.get_username()
    around = {
        "store": store,
        "is_demo": is_local_store(store),
        "now": clock.now(),
        "person": name,
        "initials": "".join(word[0] for word in name.split()[:2]).upper(),
        "role": role_of(request),
        "nav": menu(request, store),
        "find_url": address_of("admin:find"),
        "find_text": request.GET.get("q", "") if "/find" in request.path else "",
        "html_class": html_class(request),
    }
    request._shell = around  # type: ignore[attr-defined]
    return around


def menu(request: HttpRequest, store: Store | None) -> list[dict[str, Any]]:
    """Groups with the entries this person may open; an entry with no page is absent."""
    counts = open_counts(store)
    here = _longest_match(request.path)
    groups = []
    for title, lines in MENU:
        entries = []
        for word, icon, name, ability, go in lines:
            url = address_of(name)
            if not url or not may(request.user, ability):
                continue
            entry = Entry(word, icon, url, go, current=url == here)
            if counts.get(name):
                entry.count = counted(counts[name])
                entry.red = name == "admin:queue"
            entries.append(entry)
        if entries:
            groups.append({"title": title, "entries": entries})
    return groups


def open_counts(store: Store | None) -> dict[str, int]:
    """How many rows wait behind a menu entry; never counts past MOST_COUNTED."""
    if store is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_OPEN_COUNTS, {"store": store.pk, "most": MOST_COUNTED + 1})
        exceptions, refunds = cursor.fetchone()
    return {"admin:queue": exceptions, "admin:refunds": refunds}


_OPEN_COUNTS = """
SELECT
  (SELECT count(*) FROM (
     SELECT 1 FROM exceptions_exceptioncase
     WHERE store_id = %(store)s AND closed_at IS NULL
       AND (snoozed_until IS NULL OR snoozed_until <= now())
     LIMIT %(most)s) AS a),
  (SELECT count(*) FROM (
     SELECT 1 FROM exceptions_exceptioncase
     WHERE kind LIKE 'refund%%' AND store_id = %(store)s AND closed_at IS NULL
     LIMIT %(most)s) AS b)
"""


def counted(number: int) -> str:
    """1,284, and 10,000+ where counting stopped."""
    return f"{MOST_COUNTED:,}+" if number > MOST_COUNTED else f"{number:,}"


def role_of(request: HttpRequest) -> str:
    """The person's roles in words, e.g. Ops."""
    if not request.user.is_authenticated:
        return ""
    names = Group.objects.filter(user=request.user.pk).order_by("name").values_list("name")
    roles = [TITLES.get(name, name) for (name,) in names]
    if request.user.is_superuser:
        roles.append("Superuser")
    return ", ".join(roles) or "no role yet"


def is_local_store(store: Store | None) -> bool:
    """True when the shop answers on this machine: then its orders are demo data."""
    connection_row = getattr(store, "shopify", None)
    host = connection_row.base_url.partition("://")[2] if connection_row else ""
    return host.startswith(("127.0.0.1", "localhost", "[::1]"))


def html_class(request: HttpRequest) -> str:
    """Theme and menu as remembered in cookies, so that the first paint is already right."""
    words = ["dark" if request.COOKIES.get("theme") == "dark" else "light"]
    side = request.COOKIES.get("side")
    if side in ("rail", "open"):
        words.append(f"side-{side}")
    return " ".join(words)


def address_of(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _longest_match(path: str) -> str:
    urls = (address_of(line[2]) for _, lines in MENU for line in lines)
    fits = [url for url in urls if url and (url == path or (url != "/" and path.startswith(url)))]
    return max(fits, key=len, default="")
