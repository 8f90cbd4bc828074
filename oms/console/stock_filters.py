"""Which items somebody means: one set of filters for the availability grid and for the API."""

from collections.abc import Sequence

import django_filters
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest

from inventory.models import StockLevel
from oms.catalog.models import Item
from oms.core.models import Store, Timer
from oms.core.sql import fetch
from oms.orders.models import Hold, OrderLine

# Word in the address, words of the tab, which levels it means.
FLAGS: dict[str, tuple[str, Q]] = {
    "short": ("Short", Q(owed__gt=Greatest(F("on_hand"), Value(0)))),
    "negative": ("Negative", Q(on_hand__lt=0)),
    "frozen": ("Being counted", Q(frozen=True)),
    "low": ("Below safety", Q(safety__gt=0, on_hand__lt=F("owed") + F("safety"))),
}
WAITING = "waiting"
ONLY = [*((word, words) for word, (words, _) in FLAGS.items()), (WAITING, "Orders wait")]


class ItemFilter(django_filters.FilterSet):
    """Items of one store by SKU, words, location and what is wrong with their stock."""

    text = django_filters.CharFilter(method="by_text", max_length=120, label="SKU, title, barcode")
    sku = django_filters.CharFilter(method="by_sku", max_length=4000, label="SKUs, by commas")
    location = django_filters.CharFilter(
        method="by_location", max_length=2000, label="Codes of locations, by commas"
    )
    only = django_filters.ChoiceFilter(choices=ONLY, method="by_flag", label="Only")

    class Meta:
        model = Item
        fields: tuple[str, ...] = ()

    def by_text(self, items: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        return items.filter(
            Q(sku__icontains=value) | Q(title__icontains=value) | Q(barcode__iexact=value)
        )

    def by_sku(self, items: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        # A SKU may hold a comma itself, so the whole text counts as one too.
        return items.filter(sku__in=[value, *listed(value)])

    def by_location(self, items: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        return items.filter(Exists(self._levels()))

    def by_flag(self, items: QuerySet[Item], name: str, value: str) -> QuerySet[Item]:
        if value == WAITING:
            return items.filter(pk__in=waiting_lines().values("item"))
        return items.filter(Exists(self._levels().filter(FLAGS[value][1])))

    @property
    def codes(self) -> list[str]:
        """The locations asked for; empty means all."""
        return listed(self.form.cleaned_data.get("location") or "") if self.is_valid_form else []

    @property
    def is_valid_form(self) -> bool:
        return self.is_bound and (self.form.is_valid() or bool(self.form.cleaned_data))

    def _levels(self) -> QuerySet[StockLevel]:
        levels = StockLevel.objects.filter(item=OuterRef("pk")).annotate(owed=OWED)
        return levels.filter(location__code__in=self.codes) if self.codes else levels


OWED = F("reserved") + F("soft")


def listed(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def waiting_lines() -> QuerySet[OrderLine]:
    """Lines of orders that are not routed yet: a timer or a hold stands for each."""
    timed = Timer.objects.filter(kind="route").values("subject_id")
    held = Hold.objects.filter(released_at=None).values("order_id")
    lines = OrderLine.objects.filter(Q(open__gt=0) | Q(backordered__gt=0), ships=True)
    return lines.filter(Q(order_id__in=timed) | Q(order_id__in=held), item__isnull=False)


def flag_counts(store: Store, codes: Sequence[str]) -> dict[str, int]:
    """How many items have each flag; only flagged levels are grouped. One query."""
    row = fetch(
        """
        SELECT count(DISTINCT item_id) FILTER (WHERE v.reserved + v.soft > greatest(v.on_hand, 0)),
               count(DISTINCT item_id) FILTER (WHERE v.on_hand < 0),
               count(DISTINCT item_id) FILTER (WHERE v.frozen),
               count(DISTINCT item_id) FILTER (
                   WHERE v.safety > 0 AND v.on_hand < v.reserved + v.soft + v.safety),
               (SELECT count(DISTINCT l.item_id) FROM (
                    SELECT subject_id AS order_id FROM core_timer
                    WHERE kind = 'route' AND store_id = %(store)s
                    UNION SELECT order_id FROM orders_hold
                    WHERE released_at IS NULL AND store_id = %(store)s) AS w
                JOIN orders_orderline l USING (order_id)
                WHERE l.ships AND l.item_id IS NOT NULL AND (l.open > 0 OR l.backordered > 0))
        FROM inventory_stocklevel v
        WHERE v.store_id = %(store)s
          AND (%(codes)s::text[] = '{}' OR v.location_id IN (
               SELECT id FROM inventory_location
               WHERE store_id = %(store)s AND code = ANY(%(codes)s::text[])))
          AND (v.reserved + v.soft > greatest(v.on_hand, 0) OR v.on_hand < 0 OR v.frozen
               OR (v.safety > 0 AND v.on_hand < v.reserved + v.soft + v.safety))
        """,
        {"store": store.pk, "codes": list(codes)},
    )[0]
    return dict(zip([*FLAGS, WAITING], row, strict=True))


def channels(store: Store) -> list[str]:
    """Channels that sell here: of the newest orders, and those that a rule or fence names."""
    rows = fetch(
        """
        SELECT channel FROM (
            SELECT channel FROM orders_order WHERE store_id = %s
            ORDER BY placed_at DESC, id DESC LIMIT 2000) AS newest
        UNION SELECT channel FROM inventory_channelthreshold WHERE store_id = %s
        UNION SELECT channel FROM inventory_ringfence WHERE store_id = %s AND ended_at IS NULL
        """,
        [store.pk] * 3,
    )
    return sorted(channel for (channel,) in rows if channel)
