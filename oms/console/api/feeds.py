"""Stock numbers over the API: sent as rows or as a file, checked row by row, applied once."""

from datetime import datetime
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from inventory.feeds import applying, checking, deciding, report
from inventory.models import FeedRow, StockFeed
from oms.console.api.doors import PartnerView
from oms.console.uploads import MOST_BYTES, MOST_WORDS

SECONDS = 5.0
REASONS, PAGE = 50, 500


class FeedAsked(serializers.Serializer[Any]):
    """What a feed takes, whichever way its rows come."""

    source = serializers.CharField(max_length=24)  # type: ignore[assignment]
    kind = serializers.ChoiceField(StockFeed.Kind.choices)
    source_time = serializers.DateTimeField(help_text="The moment the numbers speak of, with zone.")
    request_key = serializers.RegexField(r"^[\x21-\x7e]{1,64}$", required=False, default="")
    location = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    apply = serializers.BooleanField(required=False, default=True)

    def validate_source_time(self, moment: datetime) -> datetime:
        # Without a zone the moment is several moments; DRF reads it as one of them.
        said = str(self.initial_data.get("source_time", "")).strip()
        if not said.endswith(("Z", "z")) and "+" not in said[10:] and "-" not in said[10:]:
            raise ValidationError("Give the time with its zone, e.g. 2026-11-20T06:00:00Z.")
        return moment


class Feeds(PartnerView):
    """POST /api/stock-feeds/ with {"rows": [...]} or a file; apply=false only checks it.

    The request key makes a repeat quiet; the same content of the same moment is the same feed.
    """

    scopes: ClassVar[dict[str, str]] = {"POST": "stock.feed"}
    parser_classes = (JSONParser, MultiPartParser)  # type: ignore[assignment]

    def post(self, request: Request) -> Response:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > MOST_BYTES:
            raise ValidationError(
                {"rows": [f"A call takes up to {MOST_WORDS}; send more in parts, or as a file."]}
            )
        data = request.data
        if not isinstance(data, dict):
            raise ValidationError({"rows": ["Send an object with its rows."]})
        asked = FeedAsked(data=data)
        asked.is_valid(raise_exception=True)
        feed = self._check(data, asked.validated_data)
        if asked.validated_data["apply"]:
            if feed.state == StockFeed.State.CHECKED:
                deciding.apply(feed_id=feed.pk, actor=self.actor)
            applying.drain(SECONDS, store_id=self.store_id)
            feed.refresh_from_db()
        return Response(_told(feed) | {"reasons": _reasons(feed)}, status=201)

    def _check(self, data: Any, values: dict[str, Any]) -> StockFeed:
        common = {
            "store_id": self.store_id,
            "source": values["source"],
            "kind": values["kind"],
            "source_time": values["source_time"],
            "request_key": values["request_key"],
            "place": values["location"],
            "actor": self.actor,
        }
        if file := self.request.FILES.get("file"):
            return checking.check_file(file=file.file, name=file.name or "file", **common)
        rows = data.get("rows")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValidationError({"rows": ["Send a list of rows, or a file."]})
        return checking.check_rows(rows=rows, **common)


class Feed(PartnerView):
    """GET /api/stock-feeds/<id>/"""

    scopes: ClassVar[dict[str, str]] = {"GET": "stock.feed"}

    def get(self, request: Request, feed: int) -> Response:
        return Response(_told(_one(self.store_id, feed)))


class Rows(PartnerView):
    """GET /api/stock-feeds/<id>/rows/?outcome=bad&after=, by their number in the file."""

    scopes: ClassVar[dict[str, str]] = {"GET": "stock.feed"}

    def get(self, request: Request, feed: int) -> Response:
        outcome = request.query_params.get("outcome", "")
        if outcome and outcome not in FeedRow.Outcome.values:
            raise ValidationError({"outcome": [f"One of {', '.join(FeedRow.Outcome.values)}."]})
        after = request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 9:
            raise ValidationError({"after": ["The number of a row."]})
        found = report.rows(_one(self.store_id, feed), outcome, after=int(after))[: PAGE + 1]
        rows = list(found)
        following = None
        if len(rows) > PAGE:
            rows = rows[:PAGE]
            address = request.build_absolute_uri()
            following = replace_query_param(address, "after", rows[-1].number)
        return Response({"next": following, "results": [_row(row) for row in rows]})


def _one(store_id: int, feed_id: int) -> StockFeed:
    feed = StockFeed.objects.filter(pk=feed_id, store_id=store_id).first()
    if feed is None:
        raise NotFound("There is no such feed.")
    return feed


def _told(feed: StockFeed) -> dict[str, Any]:
    return {
        "id": feed.pk,
        "state": feed.state,
        "reason": feed.reason,
        "source": feed.source,
        "kind": feed.kind,
        "source_time": feed.source_time,
        "rows": feed.rows,
        "counts": report.counts(feed),
    }


def _reasons(feed: StockFeed) -> list[dict[str, Any]]:
    """The first rows that did not go through, so that most callers need not ask again."""
    rows = report.rows(feed).filter(outcome__in=["bad", "held", "stale", "not_ours"])
    return [_row(row) for row in rows[:REASONS]]


def _row(row: FeedRow) -> dict[str, Any]:
    return {
        "row": row.number,
        "sku": row.sku,
        "location": row.place,
        "said": row.said,
        "change": row.delta,
        "outcome": row.outcome,
        "reason": row.reason,
    }
