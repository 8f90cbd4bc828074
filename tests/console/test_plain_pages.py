"""Plain tables: they open with rows in them, do not grow in queries, and let nobody write."""

import json

import pytest
from django.contrib import admin
from django.contrib.auth.models import User

from oms.catalog.models import Item
from oms.core.actor import SWITCHYARD
from oms.core.admin import BODY_SHOWN, ReadOnly, raw_body
from oms.core.models import InboxMessage, OutboxIntent, Timer
from oms.shopify.models import Connection
from routing import policies
from routing.models import PolicyVersion
from tests.cast import make_item, make_location, make_store, make_user, stock
from tests.console.people import PEOPLE, signed_in, words_of
from tests.fulfillment.floor import routed_order

PLAIN = [model for model, page in admin.site._registry.items() if isinstance(page, ReadOnly)]
# What a bundle is made of is said on the page of its item (tests/catalog).
READ_ONLY = [model for model in PLAIN if model is not Item]
SEARCHED = [model for model in PLAIN if admin.site._registry[model].search_fields]


def address(model, *rest: object) -> str:
    return "/".join(["", model._meta.app_label, model._meta.model_name, *map(str, rest), ""])


def fill() -> None:
    """One row at least in every table."""
    routed_order()
    store = make_store()
    InboxMessage.objects.create(store=store, delivery_id="d", topic="orders/create", body=b"{}")
    OutboxIntent.objects.create(store=store, topic="refund.create", key="refund:1", params={})
    Timer.objects.get_or_create(store=store, kind="route", subject_id=999)


@pytest.mark.django_db
@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_a_table_that_commands_write_can_be_looked_at_and_nothing_else(model):
    fill()
    client = signed_in("admin")
    row = model.objects.order_by("pk").first()
    assert client.get(address(model)).status_code == 200
    assert client.get(address(model, row.pk, "change")).status_code == 200
    assert client.get(address(model, "add")).status_code == 403
    assert client.get(address(model, row.pk, "delete")).status_code == 403
    before = model.objects.values().get(pk=row.pk)
    assert client.post(address(model, row.pk, "change"), {"name": "x"}).status_code == 403
    assert model.objects.values().get(pk=row.pk) == before


@pytest.mark.django_db
@pytest.mark.parametrize("model", SEARCHED, ids=lambda model: model.__name__)
@pytest.mark.parametrize("term", ["x", "7", "#1001", "9" * 40, "²", "%_'\"", "\0"])
def test_any_search_is_answered(model, term):
    fill()
    assert signed_in("admin").get(address(model), {"q": term}).status_code == 200


@pytest.mark.django_db
def test_what_people_paste_is_found():
    order = routed_order()
    work = order.fulfillment_orders.get()
    store = make_store()
    InboxMessage.objects.create(store=store, delivery_id="a1-b2", topic="orders/create", body=b"")
    OutboxIntent.objects.create(store=store, topic="x.y", key="refund:1", order_id=77, params={})
    client = signed_in("admin")
    for page, term, shown in [
        ("/fulfillment/fulfillmentorder/", work.code, work.code),
        ("/fulfillment/fulfillmentorder/", order.name, work.code),
        ("/fulfillment/fulfillmentorder/", order.name.lstrip("#"), work.code),
        ("/inventory/reservation/", order.name, "East"),
        ("/core/inboxmessage/", "a1-b2", "orders/create"),
        ("/core/outboxintent/", "77", "refund:1"),
        ("/core/timer/", str(order.pk), "release"),
        ("/inventory/stocklevel/", "mug", "East"),
        ("/catalog/item/", "mug", "Mug"),
    ]:
        found = words_of(client.get(page, {"q": term})).count(shown)
        assert found > words_of(client.get(page, {"q": "nothing-has-this"})).count(shown), page


@pytest.mark.django_db
def test_stock_levels_cost_the_same_number_of_queries_at_any_length(django_assert_max_num_queries):
    client = signed_in("ops")
    for number in range(30):
        stock(make_item(f"sku-{number}"), make_location("east"), 5)
    with django_assert_max_num_queries(14):
        assert "sku-29" in words_of(client.get("/inventory/stocklevel/"))


@pytest.mark.django_db
def test_a_stock_level_shows_what_made_its_counters():
    level = stock(make_item(), make_location("east"), 5)
    words = words_of(signed_in("ops").get(f"/inventory/stocklevel/{level.pk}/change/"))
    assert "Opening stock" in words


def test_secrets_have_no_page():
    assert Connection not in admin.site._registry


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"id": 1, "note": "\xc3\xa9"}', "JSON</p>"),
        (b"plain words", "text, not JSON"),
        (b"\xff\xfe\x00", "not UTF-8, shown in hexadecimal"),
        (b"", "0 bytes"),
        (b"[" * 100_000, "text, not JSON"),
    ],
)
def test_a_body_of_any_kind_can_be_looked_at(body, shown):
    assert shown in raw_body(body)


def test_a_body_is_escaped_and_cut():
    assert "<script>" not in raw_body(b"<script>alert(1)</script>")
    assert "␀" in raw_body(b"a\0b")
    long = raw_body(json.dumps({"a": "b" * 3 * BODY_SHOWN}).encode())
    assert len(long) < BODY_SHOWN + 1000
    assert "first 100,000 characters" in long


def versions() -> tuple[PolicyVersion, PolicyVersion]:
    """The active version of a policy and a draft beside it."""
    policy = policies.ensure_default(store_id=make_store().pk, actor=SWITCHYARD)
    active = policy.versions.get()
    steps = list(active.steps.values_list("code", "params"))
    return active, policies.draft(policy_id=policy.pk, steps=steps, actor=SWITCHYARD)


def form_of(version: PolicyVersion, **changes: str) -> dict[str, str]:
    """The form of a version as its page would send it."""
    rows = list(version.steps.all())
    form = {"steps-TOTAL_FORMS": len(rows), "steps-INITIAL_FORMS": len(rows)}
    for number, step in enumerate(rows):
        form |= {
            f"steps-{number}-id": step.pk,
            f"steps-{number}-version": version.pk,
            f"steps-{number}-position": step.position,
            f"steps-{number}-code": step.code,
            f"steps-{number}-params": json.dumps(step.params),
        }
    return {**{name: str(value) for name, value in form.items()}, **changes}


@pytest.mark.django_db
def test_a_draft_can_be_changed_and_what_decides_cannot():
    active, draft = versions()
    client = signed_in("ops")
    change = {"steps-0-code": "within_distance", "steps-0-params": '{"km": 400}'}
    answer = client.post(address(PolicyVersion, draft.pk, "change"), form_of(draft, **change))
    assert answer.status_code == 302
    assert draft.steps.first().params == {"km": 400}

    answer = client.post(address(PolicyVersion, active.pk, "change"), form_of(active, **change))
    assert answer.status_code == 403
    assert active.steps.first().code == "is_active"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps-4-code": "is_active"}, "ends with fewest parcels and nearest"),
        ({"steps-2-code": "is_active"}, "needs the stock filter"),
        ({"steps-2-DELETE": "on"}, "needs the stock filter"),
        ({"steps-0-code": "within_distance"}, "Say how near"),
        ({"steps-0-params": "[1]"}, "Parameters are a JSON object"),
        ({"steps-0-code": "teleport"}, "Select a valid choice"),
    ],
)
def test_a_draft_that_could_not_decide_is_refused(change, says):
    _, draft = versions()
    before = list(draft.steps.values())
    answer = signed_in("ops").post(
        address(PolicyVersion, draft.pk, "change"), form_of(draft, **change)
    )
    assert says in words_of(answer)
    assert list(draft.steps.values()) == before


@pytest.mark.django_db
def test_a_draft_is_made_from_a_version_and_activated_by_post_alone():
    active, draft = versions()
    client = signed_in("ops")
    assert client.get(f"/routing/version/{draft.pk}/activate/").status_code == 405
    client.post(f"/routing/version/{draft.pk}/activate/")
    active.refresh_from_db()
    draft.refresh_from_db()
    assert (active.state, draft.state) == ("retired", "active")
    client.post(f"/routing/version/{draft.pk}/draft/")
    assert PolicyVersion.objects.filter(state="draft").count() == 1
    answer = client.post(f"/routing/version/{active.pk}/activate/", follow=True)
    assert "A retired version stays as it was" in words_of(answer)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["support", "finance"])
def test_others_do_not_change_policies(role):
    _, draft = versions()
    answer = signed_in(role).post(f"/routing/version/{draft.pk}/activate/")
    assert answer.status_code == 403
    draft.refresh_from_db()
    assert draft.state == "draft"


@pytest.mark.django_db
def test_an_admin_gives_roles_but_cannot_make_or_touch_a_superuser():
    root = User.objects.create_superuser("root", password="root-of-all-things")
    sam = make_user("sam", "support")
    client = signed_in("admin")
    page = client.get(f"/auth/user/{sam.pk}/change/").content.decode()
    assert 'name="groups"' in page
    assert "is_superuser" not in page
    assert "user_permissions" not in page
    form = {"username": "sam", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    client.post(f"/auth/user/{sam.pk}/change/", form)
    sam.refresh_from_db()
    assert not sam.is_superuser
    assert client.post(f"/auth/user/{root.pk}/change/", {"username": "x"}).status_code == 403
    assert client.post(f"/auth/user/{root.pk}/password/", {"password1": "x"}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("role", [role for role in PEOPLE if role != "admin"])
def test_only_admins_see_people(role):
    make_store()
    assert signed_in(role).get("/auth/user/").status_code == 403
