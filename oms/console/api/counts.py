"""Counts over the API, for scanners that keep what they counted while they have no network."""

from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Count, Q
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from inventory.commands.counting import Entry, enter_count
from inventory.models import CountLine, CountSession
from oms.console.api.doors import PartnerView
from oms.core.errors import Refused

SCOPE = "stock.count"
MOST_ENTRIES = 1000
PAGE = 500


class Counts(PartnerView):
    """GET /api/counts/?location=, the open ones."""

    scopes: ClassVar[dict[str, str]] = {"GET": SCOPE}

    def get(self, request: Request) -> Response:
        open_lines = Q(lines__state__in=["to_count", "counted"], lines__expected=None)
        found = CountSession.objects.filter(store=self.store_id, state="open")
        if code := request.query_params.get("location", ""):
            found = found.filter(location__code=code[:12].replace("\x00", ""))
        rows = found.select_related("location").annotate(
            to_count=Count("lines", filter=open_lines),
            done=Count("lines", filter=open_lines & Q(lines__counted__isnull=False)),
        )
        return Response(
            {
                "results": [
                    {
                        "count": row.pk,
                        "location": row.location.code,
                        "kind": row.kind,
                        "blind": row.blind,
                        "frozen": row.freezes,
                        "opened_at": row.created_at,
                        "lines": row.to_count,
                        "counted": row.done,
                    }
                    for row in rows.order_by("pk")[:PAGE]
                ]
            }
        )


class Lines(PartnerView):
    """GET /api/counts/<id>/lines/?after=, 500 at a time. A blind count has no `on_hand`."""

    scopes: ClassVar[dict[str, str]] = {"GET": SCOPE}

    def get(self, request: Request, count: int) -> Response:
        session = open_count_of(self.store_id, count)
        text = request.query_params.get("after", "")
        after = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
        rows = list(
            CountLine.objects.filter(
                session=session, state__in=["to_count", "counted"], expected=None, pk__gt=after
            )
            .select_related("level__item")
            .order_by("pk")[: PAGE + 1]
        )
        return Response(
            {
                "after": rows[PAGE - 1].pk if len(rows) > PAGE else None,
                "results": [line_facts(row, session.blind) for row in rows[:PAGE]],
            }
        )


class EntryAsked(serializers.Serializer[Any]):
    """One number, and the moment when the device took it."""

    sku = serializers.CharField(max_length=120)
    counted = serializers.IntegerField(min_value=0, max_value=9_999_999)
    counted_at = serializers.DateTimeField(required=False, default=None)


class EntriesAsked(serializers.Serializer[Any]):
    entries = serializers.ListField(child=EntryAsked(), allow_empty=False, max_length=MOST_ENTRIES)


class Entries(PartnerView):
    """POST /api/counts/<id>/entries/: all of them or none; the same again changes nothing."""

    scopes: ClassVar[dict[str, str]] = {"POST": SCOPE}

    def post(self, request: Request, count: int) -> Response:
        session = open_count_of(self.store_id, count)
        asked = EntriesAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        entries = asked.validated_data["entries"]
        names = {entry["sku"] for entry in entries}
        levels: dict[str, int] = {}
        rows = CountLine.objects.filter(
            Q(level__item__sku__in=names) | Q(level__item__barcode__in=names), session=session
        ).values_list("level__item__sku", "level__item__barcode", "level_id")
        # A SKU goes before a barcode that reads the same.
        for sku, barcode, level_id in rows:
            levels[sku] = level_id
            if barcode and barcode not in levels:
                levels[barcode] = level_id
        for sku, _, level_id in rows:
            levels[sku] = level_id
        if strays := sorted(names - levels.keys()):
            more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
            raise Refused(f"“{strays[0][:60]}”{more} is not in this count; add it first.")
        changed = enter_count(
            session_id=session.pk,
            entries=[
                Entry(levels[entry["sku"]], entry["counted"], entry["counted_at"])
                for entry in entries
            ],
            actor=self.actor,
        )
        return Response({"count": session.pk, "entries": len(entries), "changed": changed})


def line_facts(line: CountLine, blind: bool) -> dict[str, Any]:
    item = line.level.item
    facts: dict[str, str | int | datetime | None] = {
        "sku": item.sku,
        "barcode": item.barcode,
        "title": item.title,
        "attempt": line.attempt,
        "counted": line.counted,
        "counted_at": line.counted_at,
    }
    return facts if blind else facts | {"on_hand": line.level.on_hand}


def open_count_of(store_id: int, pk: int) -> CountSession:
    session = CountSession.objects.filter(store=store_id, pk=pk).first()
    if session is None:
        raise NotFound("There is no such count.")
    return session
