"""Stock that is often not found counts as farther away, and the decision says so."""

from datetime import timedelta
from typing import Any

import pytest

from inventory import ledger, standings
from inventory.bundles import recipes
from inventory.count_plan import plan as count_plan
from inventory.ledger import Change
from inventory.models import Location, Standing, StockLevel
from oms.catalog.models import BundlePart
from oms.core import clock
from routing import commands, facts, policies
from routing.explain import explain
from routing.models import Decision
from routing.planner import Candidate, Plan, Question, Want, plan
from tests.cast import OLGA, line, make_item, make_location, make_order, make_store, stock

EAST, SOHO = 1, 2
MUG = 11


def ask(params: dict[str, Any] | None = None, *candidates: Candidate) -> Plan:
    steps: list[Any] = [("has_stock", {}), ("fewest_parcels", {}), ("nearest", {})]
    if params is not None:
        steps.insert(1, ("trusted_first", params))
    return plan(Question("US", [Want(1, MUG, 2)], candidates), steps)


def at(location_id: int, km: float | None, trust: int = 100, mugs: int = 5) -> Candidate:
    return Candidate(location_id, True, True, km, {MUG: mugs}, trust)


def chosen(answer: Plan) -> list[int]:
    return [parcel.location_id for parcel in answer.parcels]


def test_a_nearer_place_in_doubt_loses_and_says_what_it_cost() -> None:
    answer = ask({}, at(SOHO, 10, trust=40), at(EAST, 200))

    assert chosen(answer) == [EAST]
    assert [(v.location_id, v.step) for v in answer.verdicts] == [
        (EAST, "chosen"), (SOHO, "trusted_first"),
    ]  # fmt: skip
    assert answer.verdicts[1].data["detour"] == 200
    assert answer.verdicts[1].data["trust"] == 40


@pytest.mark.parametrize(
    ("params", "trust", "winner"),
    [
        (None, 0, SOHO), ({}, 60, SOHO), ({}, 42, SOHO), ({}, 40, EAST),
        ({"km_per_point": 1}, 0, SOHO), ({"below": 90}, 70, EAST), ({"below": 30}, 31, SOHO),
    ],
)  # fmt: skip
def test_how_far_the_doubt_reaches_is_a_parameter(
    params: dict[str, Any] | None, trust: int, winner: int
) -> None:
    assert chosen(ask(params, at(SOHO, 10, trust), at(EAST, 195))) == [winner]


def test_doubt_breaks_the_tie_of_two_places_of_unknown_distance() -> None:
    assert chosen(ask({}, at(EAST, None, trust=50), at(SOHO, None))) == [SOHO]


def test_doubt_never_makes_a_second_parcel_nor_leaves_units_behind() -> None:
    assert chosen(ask({}, at(SOHO, 10, trust=0), at(EAST, 900, mugs=1))) == [SOHO]


def test_decisions_from_before_trust_was_looked_at_are_replayed() -> None:
    stored = {
        "country": "US", "wants": [[1, MUG, 2]], "candidates": [[SOHO, 1, 1, 10.0, [5]]],
    }  # fmt: skip
    question = facts.restored(stored)

    assert question.candidates[0].trust == 100
    assert facts.stored(question) == stored


def test_trust_is_kept_with_the_question() -> None:
    question = Question("US", [Want(1, MUG, 2)], [at(SOHO, 10, trust=40), at(EAST, 20)])

    assert facts.restored(facts.stored(question)) == question


@pytest.fixture
def shelves(db: None) -> dict[str, StockLevel]:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    return {
        place: stock(make_item("mug"), make_location(place), 20) for place in ("soho_store", "west")
    }


def reject(level: StockLevel, times: int = 2) -> None:
    for _ in range(times):
        ledger.post([Change(level.pk, "on_hand", -1, "short", "work:1:not_found")], actor=OLGA)
    standings.refresh_due(100)


def routed_to() -> str:
    order = make_order(line("mug", 1))
    commands.route_due(limit=10)
    decision = Decision.objects.filter(order=order).get()
    again = facts.replay(decision)
    assert [[v.location_id, v.step, v.data] for v in again.verdicts] == decision.trace
    return next(
        Location.objects.get(pk=row[0]).code for row in decision.trace if row[1] == "chosen"
    )


def test_after_two_rejections_the_sku_drops_in_routing_and_is_counted_tomorrow(
    shelves: dict[str, StockLevel],
) -> None:
    far = make_location("east", latitude=42.36, longitude=-71.06)
    stock(make_item("mug"), far, 20)
    assert routed_to() == "SOH"

    reject(shelves["soho_store"])

    # Trust 30 counts as 300 km: Boston is nearer than that, Los Angeles is not.
    assert routed_to() == "EST"
    words = explain(Decision.objects.latest("pk"))
    assert words.sentence == (
        "East covers the order in one parcel; the stock of a nearer place is in doubt."
    )
    soho = next(row for row in words.rows if row.name == "Soho store")
    assert soho.headline == "Trusted less"
    assert "trust 30 of 100 counts as 300 km more" in soho.detail
    assert soho.would_change.startswith("Count the stock at Soho store")
    tomorrow = clock.now().date() + timedelta(days=1)
    (planned,) = count_plan(location_id=shelves["soho_store"].location_id, on=tomorrow, limit=9)
    assert planned.reason.startswith("Not found when picked 2 times")


def test_another_place_three_thousand_km_away_is_still_farther(
    shelves: dict[str, StockLevel],
) -> None:
    reject(shelves["soho_store"])

    assert routed_to() == "SOH"
    chosen_row = next(row for row in explain(Decision.objects.latest("pk")).rows if row.chosen)
    assert chosen_row.detail.endswith("; trust 30 of 100")


def test_a_policy_without_the_step_looks_at_no_trust(shelves: dict[str, StockLevel]) -> None:
    reject(shelves["soho_store"])
    policy = facts.active_policy(make_store().pk)
    mug = make_item("mug").pk

    assert facts.doubts(policy, [mug], {}) == {(mug, shelves["soho_store"].location_id): 30}
    assert facts.doubts(facts.Policy(1, [("nearest", {})]), [mug], {}) == {}


def test_a_bundle_is_trusted_as_far_as_its_least_trusted_part(
    shelves: dict[str, StockLevel],
) -> None:
    kit, mug, lid = make_item("kit"), make_item("mug"), make_item("lid")
    for part in (mug, lid):
        BundlePart.objects.create(bundle=kit, part=part, quantity=1)
    soho = shelves["soho_store"].location_id
    reject(shelves["soho_store"])
    level = stock(lid, make_location("soho_store"), 5)
    Standing.objects.create(level=level, store_id=level.store_id, trust=12)

    found = facts.doubts(facts.active_policy(make_store().pk), [kit.pk], recipes([kit.pk]))

    assert found[kit.pk, soho] == 12


def test_parameters_of_a_step_reach_the_planner(shelves: dict[str, StockLevel]) -> None:
    policy = policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    version = policies.draft(
        policy_id=policy.pk,
        steps=[
            ("has_stock", {}), ("within_distance", {"km": 4000}),
            ("trusted_first", {"km_per_point": 1000}), ("fewest_parcels", {}), ("nearest", {}),
        ],
        actor=OLGA,
    )  # fmt: skip
    policies.activate(version_id=version.pk, actor=OLGA)
    reject(shelves["soho_store"])

    assert routed_to() == "WST"
