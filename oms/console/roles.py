"""Who may do what: one literal table, written into groups after every migrate."""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

ROLES: dict[str, tuple[str, ...]] = {
    "ops": (
        "console.work_exceptions",
        "console.hold_orders",
        "console.route_orders",
        "console.work_floor",
        "console.adjust_stock",
        "console.count_stock",
        "console.approve_counts",
        "console.receive_stock",
        "console.load_feeds",
        "console.approve_feeds",
        "console.edit_stock_rules",
        "console.repair_drift",
        "console.map_items",
        "console.manage_returns",
        "console.inspect_returns",
        "console.retry_writes",
        "console.see_platform",
        "catalog.view_item",
        "core.view_inboxmessage",
        "core.view_outboxintent",
        "core.view_store",
        "core.view_timer",
        "fulfillment.view_fulfillmentorder",
        "inventory.view_location",
        "inventory.view_reservation",
        "inventory.view_stocklevel",
        "routing.view_policy",
        "routing.view_policyversion",
        "routing.add_policyversion",
        "routing.change_policyversion",
        "routing.view_policystep",
        "routing.add_policystep",
        "routing.change_policystep",
        "routing.delete_policystep",
    ),
    "support": (
        "console.work_exceptions",
        "console.hold_orders",
        "console.manage_returns",
        "console.see_refunds",
        "console.propose_refunds",
        "catalog.view_item",
        "fulfillment.view_fulfillmentorder",
        "inventory.view_location",
        "inventory.view_stocklevel",
    ),
    "finance": (
        "console.work_exceptions",
        "console.see_refunds",
        "console.propose_refunds",
        "console.approve_refunds",
        "console.retry_writes",
        "core.view_outboxintent",
    ),
    # Whoever may give out roles can give themselves any; so the table says it plainly.
    "admin": ("*",),
}

TITLES = {"ops": "Ops", "support": "Support", "finance": "Finance", "admin": "Admin"}

# What an administrator gets: every ability, looking at everything, people and policies.
_ADMIN = (
    Q(content_type__app_label="console")
    | Q(codename__startswith="view_")
    | Q(content_type__app_label="auth", content_type__model__in=["user", "group"])
    | Q(content_type__app_label="routing", content_type__model__in=["policyversion", "policystep"])
    | Q(codename__in=["change_policy", "add_policy", "change_store"])
)


def permissions_of(role: str, using: str = "default") -> list[Permission]:
    """The permission rows of one role; a name that does not exist is a mistake in the table."""
    rows = Permission.objects.using(using).select_related("content_type")
    if ROLES[role] == ("*",):
        return list(rows.filter(_ADMIN))
    found = {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
    return [found[name] for name in ROLES[role]]


def write_roles(using: str = "default") -> None:
    """Make the groups say exactly what the table says; people stay in their groups."""
    for role in ROLES:
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set(permissions_of(role, using))
