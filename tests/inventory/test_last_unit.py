"""The last unit is promised once, by whatever path; counters are their entries after any mixture.

Real threads and real transactions: what is tested here is the locks.
"""

import itertools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from inventory import ledger, reservations
from inventory.invariants import INVARIANTS
from inventory.ledger import Change
from inventory.models import Reservation, RingFence, StockLevel
from inventory.reservations import Promise
from inventory.waiting import wake_arrived
from oms.catalog.models import BundlePart
from oms.core import invariants
from oms.core.clock import now
from oms.core.errors import Refused
from oms.orders.models import OrderLine
from routing import commands, policies
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = 50
# Connections of them at a time: the servers of the tests are shared.
DOORS = threading.BoundedSemaphore(20)
Try = Callable[[int], object]


def level(sku: str, place: str = "east") -> int:
    pair = (make_store().pk, make_item(sku).pk, make_location(place).pk)
    return ledger.open_levels([pair])[pair[1:]]


@pytest.fixture
def last_mug() -> int:
    """One mug and a hundred shirts in the east, fifty mugs in the west; a gift has one of each."""
    gift, mug, shirt = make_item("gift"), make_item("mug"), make_item("shirt")
    BundlePart.objects.create(bundle=gift, part=mug, quantity=1)
    BundlePart.objects.create(bundle=gift, part=shirt, quantity=1)
    stock(mug, make_location("east"), 1)
    stock(mug, make_location("west"), CALLERS)
    stock(shirt, make_location("east"), 100)
    return level("mug")


def fence(level_id: int, units: int, *, overflow: bool = True) -> RingFence:
    made = RingFence.objects.create(
        store=make_store(),
        level_id=level_id,
        channel="wholesale",
        units=units,
        overflow=overflow,
        created_by="test",
    )
    ledger.post([Change(level_id, "fenced", units, "fence", f"fence:{made.pk}")], actor=OLGA)
    return made


def single() -> Try:
    mug, lines = level("mug"), [make_order(line("mug")).lines.get().pk for _ in range(CALLERS)]
    OrderLine.objects.update(open=0, cancelled=1)
    return lambda n: reservations.reserve([Promise(lines[n], mug, 1, "test")], actor=OLGA)


def soft() -> Try:
    mug, until = level("mug"), now() + timedelta(hours=1)

    def keep(n: int) -> None:
        asked = Promise(None, mug, 1, "c", kind="soft", holder=f"cart:{n}", expires_at=until)
        reservations.reserve([asked], actor=OLGA)

    return keep


def bundle() -> Try:
    gift, parts = level("gift"), ((level("mug"), 1), (level("shirt"), 1))
    return lambda n: reservations.reserve(
        [Promise(None, gift, 1, "test", holder=f"order:{n}", parts=parts)], actor=OLGA
    )


def fenced() -> Try:
    mug = level("mug")
    fence(mug, 1)
    return lambda n: reservations.reserve(
        [Promise(None, mug, 1, "test", holder=f"order:{n}", channel="wholesale")], actor=OLGA
    )


def move() -> Try:
    mug, west = level("mug"), level("mug", "west")
    ids = reservations.reserve(
        [Promise(None, west, 1, "test", holder=f"order:{n}") for n in range(CALLERS)], actor=OLGA
    )
    return lambda n: reservations.move(
        reservation_id=ids[n], to_level_id=mug, quantity=1, actor=OLGA, reason="nearer"
    )


def mixed() -> Try:
    tries = [single(), soft(), bundle(), move()]
    return lambda n: tries[n % len(tries)](n)


def at_once(attempt: Try, callers: int = CALLERS) -> int:
    """How many of so many callers succeed that all try at the same moment."""
    start = threading.Barrier(callers)

    def call(n: int) -> bool:
        start.wait(timeout=30)
        with DOORS:
            try:
                attempt(n)
            except Refused:
                return False
            else:
                return True
            finally:
                connection.close()

    with ThreadPoolExecutor(callers) as pool:
        return sum(pool.map(call, range(callers)))


def broken(but: tuple[str, ...] = ("I3b",)) -> list[str]:
    """Invariants of stock that do not hold; the lines of these orders are not moved along."""
    return [f.name for f in invariants.check(INVARIANTS) if f.count and f.code not in but]


@pytest.mark.parametrize("path", [single, soft, bundle, fenced, move, mixed])
def test_of_fifty_callers_one_gets_the_last_unit(last_mug: int, path: Callable[[], Try]) -> None:
    attempt = path()

    assert at_once(attempt) == 1

    held = StockLevel.objects.get(pk=last_mug)
    assert (held.on_hand, held.reserved + held.soft, held.fenced, held.available) == (1, 1, 0, 0)
    assert broken() == []


def test_of_fifty_orders_for_a_bundle_or_its_part_one_gets_the_last_unit(last_mug: int) -> None:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    stock(make_item("mug"), make_location("west"), 0)
    for number in range(CALLERS):
        make_order(line("gift" if number % 2 else "mug"))

    def router(number: int) -> None:
        while commands.route_due(limit=3).orders:
            pass

    at_once(router, callers=8)

    assert Reservation.objects.filter(state="pending").count() == 1
    assert sum(OrderLine.objects.values_list("backordered", flat=True)) == CALLERS - 1
    held = StockLevel.objects.get(pk=last_mug)
    assert (held.on_hand, held.reserved) == (1, 1)
    assert broken(but=()) == []


def test_a_cart_that_runs_out_while_its_order_is_routed_is_kept_or_free_never_both(
    last_mug: int,
) -> None:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    stock(make_item("mug"), make_location("west"), 0)
    over = now() - timedelta(seconds=1)
    asked = Promise(None, last_mug, 1, "c", kind="soft", holder="cart:abc", expires_at=over)
    reservations.reserve([asked], actor=OLGA)
    make_order(line("mug"), cart="cart:abc")
    make_order(line("mug"))

    def act(number: int) -> None:
        if number % 2:
            reservations.expire(actor=OLGA)
        else:
            commands.route_due(limit=1)

    at_once(act, callers=8)
    wake_arrived()
    commands.route_due(limit=10)

    held = StockLevel.objects.get(pk=last_mug)
    assert (held.on_hand, held.reserved, held.soft) == (1, 1, 0)
    assert Reservation.objects.filter(state="pending").count() == 1
    assert broken(but=()) == []


class Mixture:
    """Everything that may happen to promises, at random, and again the same from the same seed."""

    def __init__(self) -> None:
        places = ("east", "west")
        self.singles = {place: (level("mug", place), level("shirt", place)) for place in places}
        self.gifts = {place: level("gift", place) for place in places}
        self.numbers = itertools.count(1)
        for mug, _ in self.singles.values():
            fence(mug, 8)

    def step(self, dice: random.Random) -> None:
        verbs = (self.promise, self.promise, self.promise, self.end, self.move, self.expire)
        dice.choice((*verbs, self.arrive))(dice)

    def promise(self, dice: random.Random) -> None:
        asked = []
        for _ in range(dice.randint(1, 4)):
            place, holder = dice.choice(("east", "west")), f"order:{next(self.numbers)}"
            kind, bundled = dice.choice(("firm", "soft")), dice.random() < 0.3
            asked.append(
                Promise(
                    None,
                    self.gifts[place] if bundled else dice.choice(self.singles[place]),
                    dice.randint(1, 3),
                    holder,
                    kind=kind,
                    holder=holder,
                    expires_at=now() + timedelta(seconds=dice.choice((-1, 60))),
                    channel=dice.choice(("", "wholesale", "web")),
                    parts=tuple(zip(self.singles[place], (2, 1), strict=True)) if bundled else (),
                )
            )
        reservations.reserve(asked, actor=OLGA)

    def end(self, dice: random.Random) -> None:
        held = self.pick(dice, dice.randint(1, 3))
        some = [(r.pk, dice.randint(1, r.quantity)) for r in held]
        verb = dice.choice(("release", "consume", "lose"))
        if verb == "release":
            reservations.release(some, actor=OLGA, document="test")
        elif verb == "consume":
            reservations.consume([(*one, "test") for one in some], actor=OLGA)
        else:
            reservations.lose([(*one, "broken") for one in some], actor=OLGA, document="test")

    def move(self, dice: random.Random) -> None:
        for held in self.pick(dice, 1):
            levels = [*itertools.chain(*self.singles.values()), *self.gifts.values()]
            reservations.move(
                reservation_id=held.pk,
                to_level_id=dice.choice(levels),
                quantity=dice.randint(1, held.quantity),
                actor=OLGA,
                reason="test",
            )

    def expire(self, dice: random.Random) -> None:
        reservations.expire(dice.randint(1, 5), actor=OLGA)

    def arrive(self, dice: random.Random) -> None:
        arrived = [Change(id_, "on_hand", 3, "receive", "t") for id_ in self.singles["east"]]
        ledger.post(arrived, actor=OLGA)

    def pick(self, dice: random.Random, count: int) -> list[Reservation]:
        pending = list(Reservation.objects.filter(state="pending").order_by("pk")[:60])
        return dice.sample(pending, min(count, len(pending)))


def oversold() -> list[int]:
    """Levels that promise more than stands there; in the mixture nothing vanishes."""
    return [v.pk for v in StockLevel.objects.all() if v.available < 0]


@pytest.fixture
def full_shelves() -> None:
    for sku, place in itertools.product(("mug", "shirt"), ("east", "west")):
        stock(make_item(sku), make_location(place), 30)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_sequence_counters_are_their_entries(full_shelves: None, seed: int) -> None:
    mixture, dice = Mixture(), random.Random(seed)

    done = 0
    for _ in range(150):
        try:
            with transaction.atomic():
                mixture.step(dice)
            done += 1
        except Refused:
            continue
        assert oversold() == []

    assert done > 50
    assert broken() == []


@pytest.mark.parametrize("seed", [11, 12])
def test_after_any_mixture_of_callers_counters_are_their_entries(
    full_shelves: None, seed: int
) -> None:
    """Nobody waits in a circle either: an error of the database would end its caller."""
    mixture = Mixture()

    def caller(number: int) -> None:
        dice = random.Random(seed * 100 + number)
        for _ in range(40):
            try:
                with transaction.atomic():
                    mixture.step(dice)
            except Refused:
                continue

    assert at_once(caller, callers=6) == 6

    assert oversold() == []
    assert broken() == []
