"""Policies change by versions: drafts are written, one is active, the old ones stay."""

import pytest

from oms.core.errors import Refused
from routing import policies
from routing.models import PolicyVersion
from tests.cast import OLGA, make_store

pytestmark = pytest.mark.django_db

GOOD = [("is_active", {}), ("has_stock", {}), ("fewest_parcels", {}), ("nearest", {})]


def test_a_new_store_gets_the_standard_policy_once() -> None:
    store = make_store()

    policy = policies.ensure_default(store_id=store.pk, actor=OLGA)

    assert policies.ensure_default(store_id=store.pk, actor=OLGA) == policy
    assert [(v.number, v.state) for v in policy.versions.all()] == [(1, "active")]


def test_activating_a_draft_retires_the_version_before() -> None:
    policy = policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    draft = policies.draft(policy_id=policy.pk, steps=GOOD, actor=OLGA)

    policies.activate(version_id=draft.pk, actor=OLGA)

    states = dict(policy.versions.values_list("number", "state"))
    assert states == {1: "retired", 2: "active"}
    policies.activate(version_id=draft.pk, actor=OLGA)
    assert dict(policy.versions.values_list("number", "state")) == states


def test_a_retired_version_does_not_come_back() -> None:
    policy = policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    first = policy.versions.get()
    draft = policies.draft(policy_id=policy.pk, steps=GOOD, actor=OLGA)
    policies.activate(version_id=draft.pk, actor=OLGA)

    with pytest.raises(Refused, match="make a new draft"):
        policies.activate(version_id=first.pk, actor=OLGA)

    assert PolicyVersion.objects.get(state="active") == draft


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([*GOOD[:1], ("magic", {}), *GOOD[1:]], "no step called magic"),
        (GOOD[:-1], "ends with fewest parcels and nearest"),
        ([GOOD[0], *GOOD[2:]], "needs the stock filter"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(steps: list, words: str) -> None:
    policy = policies.ensure_default(store_id=make_store().pk, actor=OLGA)

    with pytest.raises(Refused, match=words):
        policies.draft(policy_id=policy.pk, steps=steps, actor=OLGA)

    assert policy.versions.count() == 1
