"""A difference to Shopify that nothing explains is a case until the two agree."""

import pytest

from inventory import drifts
from inventory.drifts import Finding
from inventory.models import Drift, StockLevel
from oms.core.actor import SWITCHYARD
from oms.core.errors import Refused
from oms.core.models import OutboxIntent, Timer
from oms.exceptions import kinds
from oms.exceptions.models import ExceptionCase
from tests.cast import make_item, make_location, stock
from tests.exceptions.queue import open_case, proves_itself, swept
from tests.exceptions.test_count_kinds import take

pytestmark = pytest.mark.django_db


@pytest.fixture
def mugs() -> StockLevel:
    return stock(make_item("mug", price=9), make_location("east"), 10)


def differs(level: StockLevel, *, theirs: int = 100, **evidence: object) -> None:
    found = Finding(
        store_id=level.store_id, level_id=level.pk, ours=10, theirs=theirs,
        difference=theirs - 10, cause="foreign_write", repair="ask",
        evidence={"basis": {"on_hand": 10, "told": 0}, "bundle": False} | evidence,
    )  # fmt: skip
    drifts.record([found])


def test_an_absurd_difference_is_a_case_until_they_agree(mugs: StockLevel) -> None:
    case = proves_itself(
        "stock_drift",
        cause=lambda: differs(mugs),
        cure=lambda: drifts.agree([mugs.pk], actor=SWITCHYARD),
    )
    assert kinds.sentence("stock_drift", case.facts) == "East has 10 × Mug, Shopify says 100"
    assert case.at_stake == 810


def test_taking_over_their_number_ends_it(mugs: StockLevel) -> None:
    differs(mugs)
    swept("stock_drift")
    assert take("stock_drift", "adopt") == "100 units stand here now, as Shopify says."
    mugs.refresh_from_db()
    assert mugs.on_hand == 100
    assert swept("stock_drift").closed == 1
    assert Drift.objects.get().ended_by == "user:Sam Support"


def test_telling_ours_asks_for_a_write_and_ends_it(mugs: StockLevel) -> None:
    differs(mugs)
    swept("stock_drift")
    take("stock_drift", "publish")
    mugs.refresh_from_db()
    assert (mugs.on_hand, mugs.published) == (10, 90)
    assert OutboxIntent.objects.get().params == {"level_id": mugs.pk}
    assert swept("stock_drift").closed == 1


def test_comparing_again_starts_a_timer_and_leaves_it_open(mugs: StockLevel) -> None:
    differs(mugs)
    swept("stock_drift")
    take("stock_drift", "look")
    assert Timer.objects.filter(kind="drift", subject_id=mugs.pk).exists()
    assert swept("stock_drift").closed == 0


def test_their_number_of_a_bundle_cannot_be_taken_over(mugs: StockLevel) -> None:
    differs(mugs, bundle=True)
    swept("stock_drift")
    with pytest.raises(Refused, match="no stock of its own"):
        take("stock_drift", "adopt")
    mugs.refresh_from_db()
    assert mugs.on_hand == 10
    assert open_case("stock_drift").closed_at is None


def test_what_waits_for_something_of_ours_is_no_case(mugs: StockLevel) -> None:
    differs(mugs)
    Drift.objects.update(repair="wait")
    swept("stock_drift")
    assert not ExceptionCase.objects.exists()
