"""Plain pages of the platform tables, to look at: store, messages in, write-backs out, timers."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import BigIntegerField, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator

from oms.core.models import InboxMessage, OutboxIntent, Store, Timer

BODY_SHOWN = 100_000


class ReadOnly(ModelAdmin):
    """A table that only commands write: look, search, filter; no add, change or delete.

    `exact_search` names what people paste into the search of a large table, each behind an index:
    the first that has it answers. Django's own search reads every row instead.
    """

    exact_search: tuple[str, ...] = ()

    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    ordering: tuple[str, ...] = ("-id",)
    actions = None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\0", "").strip()
        if not self.exact_search or not term:
            return super().get_search_results(request, queryset, term)
        for field in self.exact_search:
            values: list[int] | list[str] = [term, f"#{term}"]
            if "__" not in field and isinstance(self.opts.get_field(field), BigIntegerField):
                values = [int(term)] if is_id(term) else []
            found = queryset.filter(**{f"{field}__in": values})
            if found.exists():
                return found, False
        return queryset.none(), False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def pretty(value: Any) -> SafeString:
    """JSON as people read it, escaped, in a box that scrolls."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return format_html('<pre class="raw">{}</pre>', text[:BODY_SHOWN])


def is_id(text: str) -> bool:
    """Whether the text can be a row number: digits, and not more than a bigint holds."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


@admin.register(Store)
class StoreAdmin(ReadOnly):
    """The tenant. Its address, token and secrets are not shown anywhere."""

    list_display = ("name", "handle", "currency", "timezone", "grace_minutes", "created_at")


@admin.register(InboxMessage)
class InboxMessageAdmin(ReadOnly):
    """Every delivery, as it came. A message that cannot be applied says why."""

    paginator = InfinitePaginator
    list_display = ("id", "topic", "state", "reason_short", "received_at", "deliveries", "attempts")
    list_filter = ("state",)
    search_fields = ("delivery_id",)
    exact_search = ("delivery_id",)
    search_help_text = "Delivery id, exactly as sent"
    fields = (
        ("topic", "state"),
        "reason",
        ("delivery_id", "event_id", "api_version"),
        ("received_at", "triggered_at", "done_at"),
        ("deliveries", "attempts", "due_at"),
        "body_text",
    )
    readonly_fields = ("body_text",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxMessage]:
        rows = super().get_queryset(request)
        # A list of fifty bodies may be fifty megabytes.
        return rows.defer("body") if request.resolver_match.url_name.endswith("list") else rows  # type: ignore[union-attr]

    @admin.display(description="reason")
    def reason_short(self, message: InboxMessage) -> str:
        return message.reason[:80]

    @admin.display(description="body, as it came")
    def body_text(self, message: InboxMessage) -> SafeString:
        return raw_body(bytes(message.body))


def raw_body(body: bytes) -> SafeString:
    """Bytes from outside, safe to look at: indented JSON, else text, else hexadecimal."""
    size = f"{len(body):,} bytes"
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
        what = "JSON"
    except (ValueError, RecursionError):
        try:
            text, what = body.decode(), "text, not JSON"
        except UnicodeDecodeError:
            text, what = body[: BODY_SHOWN // 3].hex(" "), "not UTF-8, shown in hexadecimal"
    cut = f", first {BODY_SHOWN:,} characters" if len(text) > BODY_SHOWN else ""
    return format_html(
        '<p class="muted small">{}, {}{}</p><pre class="raw">{}</pre>',
        size,
        what,
        cut,
        text[:BODY_SHOWN].replace("\0", "␀"),
    )


@admin.register(OutboxIntent)
class OutboxIntentAdmin(ReadOnly):
    """What the shop was told, is told or will be told, with both halves of the exchange."""

    paginator = InfinitePaginator
    list_display = ("id", "topic", "key", "state", "reason_short", "attempts", "due_at")
    list_filter = ("state",)
    search_fields = ("order_id",)
    exact_search = ("order_id",)
    search_help_text = "Number of the order in Switchyard, as in the address of its page"
    fields = (
        ("topic", "key", "state"),
        "reason",
        ("order_id", "remote_id"),
        ("attempts", "priority"),
        ("created_at", "due_at", "finished_at"),
        "params_text",
        "request_text",
        "answer_text",
    )
    readonly_fields = ("params_text", "request_text", "answer_text")

    @admin.display(description="reason")
    def reason_short(self, intent: OutboxIntent) -> str:
        return intent.reason[:80]

    @admin.display(description="what to say")
    def params_text(self, intent: OutboxIntent) -> SafeString:
        return pretty(intent.params)

    @admin.display(description="last request")
    def request_text(self, intent: OutboxIntent) -> SafeString:
        return pretty(intent.request)

    @admin.display(description="last answer")
    def answer_text(self, intent: OutboxIntent) -> SafeString:
        return pretty(intent.answer)


@admin.register(Timer)
class TimerAdmin(ReadOnly):
    """What is due when, and what it waits for."""

    list_display = ("kind", "subject_id", "due_at", "waits_for", "attempts")
    search_fields = ("subject_id",)
    exact_search = ("subject_id",)
    ordering = ("due_at",)
    paginator = InfinitePaginator
