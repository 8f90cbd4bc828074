"""The API: who comes in and how far, every term in the answer, holds kept and let go, one shape
of error."""

import json

import pytest
from django.test import Client
from redis.exceptions import ConnectionError as RedisGone

from inventory.commands.thresholds import set_threshold
from inventory.models import Reservation, StockLevel
from oms.console.api import doors
from oms.console.api.keys import SCOPES, make_key, revoke_key
from oms.console.models import PartnerKey
from oms.core.errors import Refused
from tests.cast import OLGA, make_item, make_location, make_order, make_store, stock

pytestmark = pytest.mark.django_db


class Caller:
    """A partner's program with one key."""

    def __init__(self, *scopes: str, store=None) -> None:
        store = store or make_store()
        self.row, self.key = make_key(
            store_id=store.pk, name="WMS Leeds", scopes=scopes or list(SCOPES), actor=OLGA
        )
        self.client = Client(headers={"authorization": f"Bearer {self.key}"})

    def get(self, path: str):
        return self.client.get(f"/api/{path}")

    def post(self, path: str, body: object):
        return self.client.post(f"/api/{path}", json.dumps(body), content_type="application/json")


@pytest.fixture(autouse=True)
def no_calls_before():
    doors.KeyPace.counted_here.clear()
    doors.KeyPace.redis_asked_again_at = 0.0


def error_of(answer) -> tuple[int, str, str]:
    body = answer.json()
    assert list(body) == ["error"] and list(body["error"]) == ["code", "sentence", "fields"]
    return answer.status_code, body["error"]["code"], body["error"]["sentence"]


# ---- the door ------------------------------------------------------------------------------------


def test_without_a_key_nothing_opens_and_the_answer_says_how_to_send_one():
    for path in ("availability/", "nearby/", "stock/mug/ledger/", "reservations/"):
        answer = Client().get(f"/api/{path}")
        status, code, sentence = error_of(answer)
        assert (status, code) == (401, "no_key"), path
        assert "Authorization: Bearer" in sentence
        assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("sent", ["Bearer sy_wrong", "Bearer", "Basic b2xnYTpw", "Bearer a b", "x"])
def test_a_wrong_key_opens_nothing(sent):
    make_store()
    answer = Client(headers={"authorization": sent}).get("/api/availability/")
    assert error_of(answer)[:2] == (401, "no_key")


def test_a_session_of_the_console_is_no_key():
    from tests.console.people import signed_in

    make_store()
    assert signed_in("admin").get("/api/availability/").status_code == 401


def test_a_key_is_kept_as_its_digest_only_and_its_use_is_noted():
    caller = Caller("stock.read")
    row = PartnerKey.objects.get()
    assert caller.key not in repr(vars(row)) and caller.key.startswith(row.prefix)
    assert row.last_used_at is None
    assert caller.get("availability/").status_code == 200
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    caller.get("availability/")
    row.refresh_from_db()
    assert row.last_used_at == first


def test_a_revoked_key_opens_nothing_any_more():
    caller = Caller()
    revoke_key(store_id=make_store().pk, key_id=caller.row.pk, actor=OLGA)
    assert error_of(caller.get("availability/"))[0] == 401
    assert PartnerKey.objects.get().revoked_by == "user:Olga Ops"


def test_a_key_without_the_scope_is_refused_and_told_which_one():
    reader = Caller("stock.read")
    status, code, sentence = error_of(reader.post("reservations/", {}))
    assert (status, code) == (403, "no_scope")
    assert "stock.reserve" in sentence
    assert error_of(Caller("stock.reserve").get("availability/"))[0] == 403


def test_a_key_is_made_only_with_a_name_and_known_scopes():
    store = make_store()
    for name, scopes in [(" ", ["stock.read"]), ("x", []), ("x", ["stock.everything"])]:
        with pytest.raises(Refused):
            make_key(store_id=store.pk, name=name, scopes=scopes, actor=OLGA)
    assert not PartnerKey.objects.exists()


def test_a_key_sees_its_own_store_and_no_other():
    stock(make_item(), make_location(), 5)
    other = make_store("globex")
    theirs = make_item("vase", store=other)
    stock(theirs, make_location("east", store=other), 7)
    ours, foreign = Caller(), Caller(store=other)
    assert [row["sku"] for row in ours.get("availability/").json()["results"]] == ["mug"]
    assert [row["sku"] for row in foreign.get("availability/").json()["results"]] == ["vase"]
    assert ours.get("stock/vase/ledger/").status_code == 404
    assert ours.get("nearby/?sku=vase&country=US").status_code == 404
    hold = {"holder": "cart:1", "minutes": 5, "lines": [{"sku": "vase", "quantity": 1}]}
    assert ours.post("reservations/", hold).status_code == 400
    assert foreign.post("reservations/", hold).status_code == 201
    assert ours.get("reservations/cart:1/").status_code == 404
    assert ours.client.delete("/api/reservations/cart:1/").status_code == 204
    assert Reservation.objects.get().state == "pending"


def test_too_many_calls_are_asked_to_wait(settings):
    settings.API_READS_PER_MINUTE, settings.API_WRITES_PER_MINUTE = 2, 1
    caller = Caller()
    statuses = [caller.get("availability/").status_code for _ in range(3)]
    if statuses == [200] * 3:  # the minute turned meanwhile
        statuses = [caller.get("availability/").status_code for _ in range(3)]
    assert statuses[-1] == 429
    answer = caller.get("availability/")
    assert error_of(answer)[:2] == (429, "too_many")
    assert 0 < int(answer["Retry-After"]) <= 60


def test_without_redis_reads_pass_and_writes_are_counted_by_each_process(settings, monkeypatch):
    def gone(name):
        raise RedisGone("no route")

    settings.API_READS_PER_MINUTE = settings.API_WRITES_PER_MINUTE = 1
    monkeypatch.setattr(doors.django_rq, "get_connection", gone)
    monkeypatch.setattr(doors.time, "time", lambda: 1_000_000.0)
    caller = Caller()
    assert [caller.get("availability/").status_code for _ in range(3)] == [200] * 3
    assert [caller.post("reservations/", {}).status_code for _ in range(2)] == [400, 429]


def test_every_error_has_one_shape():
    caller = Caller()
    make_item()
    assert error_of(caller.get("no/such/thing/"))[:2] == (404, "not_found")
    assert error_of(caller.post("availability/", {}))[:2] == (405, "method")
    broken = caller.client.post("/api/reservations/", "{", content_type="application/json")
    assert error_of(broken)[:2] == (400, "invalid")
    form = caller.client.post("/api/reservations/", {"holder": "cart:1"})
    assert error_of(form)[:2] == (415, "format")
    assert error_of(caller.get("stock/nothing/ledger/"))[2] == "No item has the SKU nothing."


# ---- reading -------------------------------------------------------------------------------------


def test_availability_tells_every_term_and_they_add_up():
    mug, east = make_item(), make_location()
    stock(mug, east, 60, safety=6)
    stock(mug, make_location("west"), 4)
    set_threshold(store_id=mug.store_id, channel="web", units=5, actor=OLGA)
    make_order()
    (row,) = Caller().get("availability/?channel=web").json()["results"]
    assert row["available"] == sum(term["units"] for term in row["terms"])
    assert (row["available"], row["waiting"], row["channel"]) == (48, 1, "web")
    at_east = next(level for level in row["locations"] if level["location"] == "EST")
    assert at_east["available"] == sum(term["units"] for term in at_east["terms"]) == 49
    assert {term["term"]: term["units"] for term in at_east["terms"]} == {
        "on_hand": 60, "firm": 0, "soft": 0, "safety": -6, "buffer": 0, "fenced_for_others": 0,
        "beyond_fence": 0, "threshold": -5, "counting": 0,
    }  # fmt: skip


def test_availability_is_asked_by_sku_words_location_and_flag():
    east, west = make_location(), make_location("west")
    stock(make_item("mug"), east, 5)
    stock(make_item("shirt", title="Linen shirt"), west, 5)
    make_item("a,b")
    caller = Caller()

    def skus(query: str) -> list[str]:
        return [row["sku"] for row in caller.get(f"availability/{query}").json()["results"]]

    assert skus("?sku=mug,shirt") == ["mug", "shirt"]
    assert skus("?sku=a,b") == ["a,b"]
    assert skus("?text=LINEN") == ["shirt"]
    assert skus("?location=WST") == ["shirt"]
    assert skus("?location=EST&location=WST") == ["mug", "shirt"]
    assert skus("?only=negative") == []
    StockLevel.objects.filter(item__sku="mug").update(frozen=True)
    assert skus("?only=frozen") == ["mug"]
    assert skus("?only=frozen&location=WST") == []
    assert error_of(caller.get("availability/?only=everything"))[:2] == (400, "invalid")
    assert error_of(caller.get("availability/?location=XXX"))[0] == 400
    assert error_of(caller.get("availability/?text=%00"))[0] == 400


def test_pages_follow_each_other_without_a_gap():
    skus = [f"sku-{number:02}" for number in range(7)]
    for sku in skus:
        make_item(sku)
    caller, found = Caller(), []
    answer = caller.get("availability/?limit=3").json()
    while True:
        found += [row["sku"] for row in answer["results"]]
        if not answer["next"]:
            break
        answer = caller.client.get(answer["next"]).json()
    assert found == skus


def test_a_page_of_availability_takes_the_same_queries_for_one_item_and_for_forty(
    django_assert_num_queries,
):
    caller, east = Caller(), make_location()
    stock(make_item("sku-0"), east, 1)
    caller.get("availability/")
    with django_assert_num_queries(8):
        caller.get("availability/")
    for number in range(1, 40):
        stock(make_item(f"sku-{number}"), east, number)
    with django_assert_num_queries(8):
        assert len(caller.get("availability/").json()["results"]) == 40


def test_the_ledger_is_told_newest_first_by_cursor():
    mug = make_item("mug/blue")
    for units in (5, 9, 2):
        stock(mug, make_location(), units)
    caller = Caller()
    answer = caller.get("stock/mug/blue/ledger/?limit=2").json()
    assert [(row["before"], row["after"]) for row in answer["results"]] == [(9, 2), (5, 9)]
    assert answer["results"][0]["location"] == "EST"
    assert answer["results"][0]["cause"] == "opening"
    rest = caller.client.get(answer["next"]).json()
    assert [row["delta"] for row in rest["results"]] == [5] and rest["next"] is None
    assert caller.get("stock/mug/blue/ledger/?bucket=damaged").json()["results"] == []
    assert error_of(caller.get("stock/mug/blue/ledger/?bucket=nonsense"))[0] == 400
    assert error_of(caller.get("stock/mug/blue/ledger/?cursor=x"))[0] == 400


def test_nearby_tells_places_with_their_way_and_units():
    mug = make_item()
    soho = make_location("soho_store", pickup=True)
    stock(mug, soho, 3)
    stock(mug, make_location("west"), 30)
    caller = Caller()
    found = caller.get("nearby/?sku=mug&postal_code=10001&country=us&units=2").json()
    assert [(place["location"], place["available"]) for place in found["places"]] == [("SOH", 3)]
    assert found["places"][0]["enough"] and found["places"][0]["km"] < 10
    sent = caller.get("nearby/?sku=mug&postal_code=10001&country=US&mode=delivery").json()
    assert [place["location"] for place in sent["places"]] == ["SOH", "WST"]
    assert error_of(caller.get("nearby/?sku=mug"))[:2] == (400, "invalid")
    assert error_of(caller.get("nearby/?sku=nothing&country=US"))[0] == 404


# ---- holds ---------------------------------------------------------------------------------------


def test_a_hold_keeps_units_and_letting_go_gives_them_back():
    mug, east = make_item(), make_location()
    level = stock(mug, east, 10)
    caller = Caller()
    body = {"holder": "cart:abc", "minutes": 30, "lines": [{"sku": "mug", "quantity": 4}]}
    answer = caller.post("reservations/", body)
    assert answer.status_code == 201
    assert answer.json()["lines"] == [{"sku": "mug", "quantity": 4, "location": "EST"}]
    level.refresh_from_db()
    assert (level.soft, level.available) == (4, 6)
    assert Reservation.objects.get().holder == "cart:abc"

    assert caller.post("reservations/", body).status_code == 201
    level.refresh_from_db()
    assert level.soft == 4

    until = caller.get("reservations/cart:abc/").json()["expires_at"]
    later = caller.client.patch(
        "/api/reservations/cart:abc/", {"minutes": 600}, content_type="application/json"
    )
    assert later.json()["expires_at"] > until

    for _ in range(2):
        assert caller.client.delete("/api/reservations/cart:abc/").status_code == 204
    level.refresh_from_db()
    assert (level.soft, level.available) == (0, 10)
    assert caller.get("reservations/cart:abc/").status_code == 404


def test_a_hold_of_more_than_is_free_is_refused_and_keeps_nothing():
    level = stock(make_item(), make_location(), 3)
    stock(make_item("shirt"), make_location(), 3)
    lines = [{"sku": "shirt", "quantity": 1}, {"sku": "mug", "quantity": 4}]
    answer = Caller().post("reservations/", {"holder": "cart:a", "minutes": 5, "lines": lines})
    assert error_of(answer)[:2] == (409, "refused")
    level.refresh_from_db()
    assert level.soft == 0
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"holder": "somebody"},
        {"holder": "order:17"},
        {"minutes": 0},
        {"minutes": "soon"},
        {"lines": []},
        {"lines": [{"sku": "mug", "quantity": 0}]},
        {"lines": [{"sku": "mug", "quantity": 1.5}]},
        {"lines": [{"sku": "nothing", "quantity": 1}]},
        {"lines": "mug"},
        {"lines": [{"sku": "mug\x00", "quantity": 1}]},
    ],
)
def test_a_hold_that_makes_no_sense_is_refused_with_the_field(wrong):
    stock(make_item(), make_location(), 5)
    body = {"holder": "cart:a", "minutes": 5, "lines": [{"sku": "mug", "quantity": 1}]} | wrong
    answer = Caller().post("reservations/", body)
    assert error_of(answer)[:2] == (400, "invalid")
    assert any(name.startswith(next(iter(wrong))) for name in answer.json()["error"]["fields"])
    assert not Reservation.objects.exists()


# ---- the page of keys ----------------------------------------------------------------------------


def test_only_admins_make_and_revoke_keys_and_the_key_is_shown_once():
    from tests.console.people import signed_in

    make_store()
    form = {"name": "WMS", "scope": ["stock.read"]}
    for role in ("ops", "support", "finance"):
        client = signed_in(role)
        assert client.get("/keys/").status_code == 403
        assert client.post("/keys/add/", form).status_code == 403
    assert not PartnerKey.objects.exists()

    admin = signed_in("admin")
    shown = admin.post("/keys/add/", form).content.decode()
    key = PartnerKey.objects.get()
    text = shown[shown.index('<code class="mono">') + 19 :].partition("<")[0]
    assert text.startswith(key.prefix) and text not in admin.get("/keys/").content.decode()
    caller = Client(headers={"authorization": f"Bearer {text}"})
    assert caller.get("/api/availability/").status_code == 200
    assert admin.post("/keys/add/", {"name": "x"}).status_code == 409
    admin.post(f"/keys/{key.pk}/revoke/")
    assert caller.get("/api/availability/").status_code == 401
