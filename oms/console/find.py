"""Find: whatever somebody pastes, the orders, returns and items it may mean. Every read is indexed.

`Question.of` reads the shape of the text and is pure; `search` asks only what fits that shape.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower, Reverse
from django.db.models.lookups import Exact, StartsWith
from django.urls import reverse

from oms.catalog.models import Item
from oms.core.models import Store
from oms.fulfillment.models import FulfillmentOrder, Parcel
from oms.orders.models import Customer, Order, PaymentTransaction
from oms.orders.models.order import PHONE_DIGITS, phone_digits
from oms.orders.queries import standings
from returns.models import RMA, Refund

SHOWN = 10
LONGEST = 200
LONGEST_CODE = 120

_HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x1f\x7f]+")
_GID = re.compile(r"gid://shopify/(\w+)/(\d{1,18})")
_ADMIN = re.compile(r"shopify\.com/.*?/(orders|customers)/(\d{1,18})")


@dataclass(slots=True, frozen=True)
class Question:
    """The text as typed and what it could be: each empty value is a search that is not made."""

    text: str
    number: str = ""
    email: str = ""
    phone: str = ""
    code: tuple[str, ...] = ()
    name: str = ""
    remote_type: str = ""
    remote_id: int = 0

    @classmethod
    def of(cls, raw: str) -> "Question":
        text = " ".join(_HIDDEN.sub(" ", raw).split())[:LONGEST]
        if found := _GID.search(text):
            return cls(text, remote_type=found[1], remote_id=int(found[2]))
        if found := _ADMIN.search(text):
            kind = {"orders": "Order", "customers": "Customer"}[found[1]]
            return cls(text, remote_type=kind, remote_id=int(found[2]))
        if "@" in text:
            return cls(text, email=text.strip("<>").removeprefix("mailto:").lower())
        digits = re.sub(r"\D", "", text)
        bare = text.lstrip("#")
        is_phone = bool(re.fullmatch(r"[+(]?[\d\s().\-/]+", text)) and 9 <= len(digits) <= 15
        is_id = text.isascii() and text.isdecimal() and 7 <= len(text) <= 18
        return cls(
            text,
            number=bare if bare and len(bare) <= 64 and " " not in bare else "",
            phone=digits[-PHONE_DIGITS:] if is_phone else "",
            code=_spellings(text) if len(text) <= LONGEST_CODE else (),
            name=text if len(text) >= 3 and any(char.isalpha() for char in text) else "",
            remote_id=int(text) if is_id else 0,
        )


def _spellings(text: str) -> tuple[str, ...]:
    """A code as typed, in capitals, in small letters, and without the spaces that labels print."""
    tight = text.replace(" ", "")
    return tuple(dict.fromkeys((text, text.upper(), text.lower(), tight, tight.upper())))


@dataclass(slots=True, frozen=True)
class Hit:
    """Something found: where it leads, its name, what else helps to tell it apart."""

    url: str
    name: str
    detail: str = ""
    note: str = ""
    exact: bool = False
    order_id: int | None = None


@dataclass(slots=True)
class Answer:
    """Groups of hits, each with the reason of the match; `tried` names what was asked."""

    question: Question
    groups: list[tuple[str, list[Hit]]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    @property
    def only(self) -> Hit | None:
        """The one thing that was meant: a single exact hit, or a single hit at all."""
        hits = {hit.url: hit for _, group in self.groups for hit in sorted(group, key=_exact_last)}
        exact = [hit for hit in hits.values() if hit.exact]
        if len(exact) == 1:
            return exact[0]
        return next(iter(hits.values())) if len(hits) == 1 else None


def _exact_last(hit: Hit) -> bool:
    return hit.exact


def search(question: Question, store: Store) -> Answer:
    """Ask everything that fits the shape of the text. At most two queries for each thing asked."""
    answer = Answer(question)
    for words, asked, find in _SEARCHES:
        if not asked(question):
            continue
        answer.tried.append(words)
        if hits := list(find(question, store)):
            answer.groups.append((words, hits))
    _say_where_they_stand(answer)
    return answer


def _say_where_they_stand(answer: Answer) -> None:
    """Where each order stands, read for all groups at once."""
    ids = {hit.order_id for _, hits in answer.groups for hit in hits if hit.order_id}
    if answer.only or not ids:
        return
    words = standings(ids)
    answer.groups = [
        (
            name,
            [
                replace(hit, note=hit.note or words[hit.order_id][0]) if hit.order_id else hit
                for hit in hits
            ],
        )
        for name, hits in answer.groups
    ]


def _by_number(question: Question, store: Store) -> Iterator[Hit]:
    number = question.number
    whole = Q(name=number) | Q(name=f"#{number}")
    start = Q(name__startswith=number) | Q(name__startswith=f"#{number}")
    found = Order.objects.filter(store=store)
    rows = list(found.filter(whole)[:SHOWN])
    if not rows and len(number) >= 2:
        rows = list(found.filter(start).order_by("-placed_at")[:SHOWN])
    exact = {row.pk for row in rows if row.name.lstrip("#") == number.lstrip("#")}
    if len(rows) < SHOWN and not exact and len(number) >= 3:
        ends = found.filter(StartsWith(Reverse("name"), Value(number[::-1])))
        known = {row.pk for row in rows}
        rows += [row for row in ends[:SHOWN] if row.pk not in known]
    yield from _orders(rows[:SHOWN], exact=exact)


def _by_email(question: Question, store: Store) -> Iterator[Hit]:
    mine = Exact(Lower("email"), Value(question.email))
    yield from _orders(_newest(Order.objects.filter(mine, store=store)), all_exact=True)


def _by_phone(question: Question, store: Store) -> Iterator[Hit]:
    same = Exact(phone_digits(), Value(question.phone))
    orders = _newest(Order.objects.filter(same, store=store).exclude(phone=""))
    people = list(Customer.objects.filter(same, store=store).exclude(phone="")[:SHOWN])
    if people and len(orders) < SHOWN:
        known = {row.pk for row in orders}
        theirs = _newest(Order.objects.filter(store=store, customer__in=people))
        orders += [row for row in theirs if row.pk not in known]
    yield from _orders(orders[:SHOWN], all_exact=True)


def _by_tracking(question: Question, store: Store) -> Iterator[Hit]:
    rows = Parcel.objects.filter(tracking_number__in=question.code, store=store)
    for row in rows.select_related("shipment__fulfillment_order__order")[:SHOWN]:
        order = row.shipment.fulfillment_order.order
        detail = f"{row.carrier} {row.tracking_number}"
        yield _order(order, detail, row.get_state_display(), exact=True)


def _by_work(question: Question, store: Store) -> Iterator[Hit]:
    rows = FulfillmentOrder.objects.filter(store=store, code__in=question.code)
    for row in rows.select_related("order", "location")[:SHOWN]:
        yield _order(
            row.order, f"{row.code} at {row.location.name}", row.get_state_display(), exact=True
        )


def _by_return(question: Question, store: Store) -> Iterator[Hit]:
    rows = RMA.objects.filter(store=store, number__in=question.code)
    yield from map(_return, rows.select_related("order")[:SHOWN])


def _by_sku(question: Question, store: Store) -> Iterator[Hit]:
    for item in Item.objects.filter(store=store, sku__in=question.code)[:SHOWN]:
        yield Hit(
            f"{reverse('admin:orders')}?{urlencode({'sku': item.sku})}",
            item.sku,
            item.title,
            "its orders",
            True,
        )


def _by_name(question: Question, store: Store) -> Iterator[Hit]:
    # The newest of the first hundred: a name that thousands share is not an identifier.
    some = Order.objects.filter(store=store, ship_name__icontains=question.name).order_by()
    ids = list(some.values_list("pk", flat=True)[:100])
    yield from _orders(_newest(Order.objects.filter(pk__in=ids)))


def _by_remote_id(question: Question, store: Store) -> Iterator[Hit]:
    kind, remote_id = question.remote_type, question.remote_id
    for name, model, path in _REMOTE:
        if kind in ("", name):
            rows: QuerySet[Any] = model.objects.filter(store=store, remote_id=remote_id)
            for row in rows.select_related(path) if path else rows:
                order: Order = getattr(row, path) if path else row
                yield _order(order, f"{name} {remote_id}", exact=True)
    if kind in ("", "Return"):
        returns = RMA.objects.filter(store=store, remote_id=remote_id).select_related("order")
        yield from map(_return, returns)
    if kind == "Customer":
        people = Customer.objects.filter(store=store, remote_id=remote_id)
        yield from _orders(_newest(Order.objects.filter(customer__in=people)), all_exact=True)


_REMOTE = (
    ("Order", Order, ""),
    ("FulfillmentOrder", FulfillmentOrder, "order"),
    ("Refund", Refund, "order"),
    ("OrderTransaction", PaymentTransaction, "order"),
)

_SEARCHES: tuple[
    tuple[str, Callable[[Question], object], Callable[[Question, Store], Iterator[Hit]]], ...
] = (
    ("Order number", lambda q: q.number, _by_number),
    ("E-mail", lambda q: q.email, _by_email),
    ("Phone", lambda q: q.phone, _by_phone),
    ("Tracking number", lambda q: q.code, _by_tracking),
    ("Return number", lambda q: q.code, _by_return),
    ("Work at a location", lambda q: q.code, _by_work),
    ("SKU", lambda q: q.code, _by_sku),
    ("Shopify id", lambda q: q.remote_id, _by_remote_id),
    ("Name", lambda q: q.name, _by_name),
)


def _newest(orders: QuerySet[Order]) -> list[Order]:
    return list(orders.order_by("-placed_at", "-pk")[:SHOWN])


def _orders(
    rows: list[Order], *, exact: set[int] | None = None, all_exact: bool = False
) -> Iterator[Hit]:
    for row in rows:
        yield _order(row, exact=all_exact or row.pk in (exact or ()))


def _order(order: Order, detail: str = "", note: str = "", *, exact: bool = False) -> Hit:
    who = ", ".join(part for part in (order.ship_name or order.email, order.ship_city) if part)
    words = " · ".join(part for part in (detail, who) if part)
    url = reverse("admin:order", args=[order.pk])
    return Hit(url, order.name, words, note, exact, order.pk)


def _return(row: RMA) -> Hit:
    url = reverse("admin:return", args=[row.pk])
    return Hit(url, row.number, f"of {row.order.name}", row.get_state_display(), True)
