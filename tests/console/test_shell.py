"""The shell: who sees which menu, what is locked and why, and that no page lets a script in."""

import re

import pytest
from django.test import Client

from oms.core.models import Store
from oms.shopify.models import Connection
from tests.cast import make_order, make_store, make_user
from tests.console.people import signed_in, words_of
from tests.fulfillment.floor import routed_order

pytestmark = pytest.mark.django_db

OWN_PAGES = [
    "/", "/queue/", "/orders/", "/find/?q=1001", "/returns/", "/refunds/", "/streams/",
    "/stock/", "/stock/?channel=web", "/nearby/", "/nearby/?code=mug&country=US", "/stock/rules/",
    "/stock/rules/?tab=safety", "/keys/",
]  # fmt: skip
PLAIN_PAGES = [
    "/catalog/item/",
    "/inventory/location/",
    "/inventory/stocklevel/",
    "/inventory/reservation/",
    "/fulfillment/fulfillmentorder/",
    "/routing/policy/",
    "/routing/policyversion/",
    "/core/store/",
    "/core/inboxmessage/",
    "/core/outboxintent/",
    "/core/timer/",
    "/auth/user/",
    "/auth/group/",
]
WORK = ["Today", "Exception queue", "Orders"]
SEEN_STOCK = ["Availability", "Nearby", "Rules", "Items", "Locations"]
STOCK = [
    "Availability", "Nearby", "Supply", "Receiving", "Transfers", "Counts", "Feeds", "Drift",
    "Rules", "Items", "Locations",
]  # fmt: skip
MENUS = {
    "ops": [*WORK, "Returns", *STOCK, "Routing", "Streams", "Messages", "Write-backs"],
    "support": [*WORK, "Returns", "Refunds", *SEEN_STOCK],
    "finance": [*WORK, "Refunds", "Write-backs"],
    "admin": [
        *WORK, "Returns", "Refunds", *STOCK, "Routing", "Streams", "Jobs", "Messages",
        "Write-backs", "API keys", "Audit and access",
    ],
}  # fmt: skip


def menu_of(response) -> list[str]:
    return re.findall(r'<span class="nav-word">([^<]+)</span>', response.content.decode())


@pytest.mark.parametrize("role", MENUS)
def test_each_role_sees_its_menu_and_nothing_else(role):
    make_store()
    assert menu_of(signed_in(role).get("/")) == MENUS[role]


@pytest.mark.parametrize("role", MENUS)
def test_every_entry_of_a_menu_opens(role):
    routed_order()
    client = signed_in(role)
    page = client.get("/").content.decode()
    nav = page[page.index('<nav class="nav"') : page.index("</nav>")]
    addresses = re.findall(r'href="([^"]+)"', nav)
    assert len(addresses) == len(MENUS[role])
    for address in addresses:
        if address != "/jobs/":  # needs Redis: see test_jobs.py
            assert client.get(address).status_code == 200, address


def test_a_stranger_is_asked_to_sign_in():
    for address in [*OWN_PAGES, *PLAIN_PAGES, "/jobs/", "/queue/rows/"]:
        answer = Client().get(address)
        assert (answer.status_code, answer.url.split("?")[0]) == (302, "/login/"), address


def test_a_person_who_is_not_on_the_staff_stays_outside():
    nobody = make_user("nina", "customers")
    nobody.is_staff = False
    nobody.save(update_fields=["is_staff"])
    client = Client()
    client.force_login(nobody)
    assert client.get("/").status_code == 302


def test_what_a_role_may_not_open_says_who_may():
    make_store()
    answer = signed_in("finance").get("/streams/")
    assert answer.status_code == 403
    assert "Your role, Finance, does not open this. Ops or Admin can." in words_of(answer)


@pytest.mark.parametrize("address", ["/auth/user/", "/core/inboxmessage/", "/routing/policy/"])
def test_plain_tables_are_closed_to_roles_without_the_right(address):
    make_store()
    assert signed_in("support").get(address).status_code == 403


@pytest.mark.parametrize("address", [*OWN_PAGES, *PLAIN_PAGES])
def test_every_page_has_one_main_landmark_a_skip_link_and_named_icons(address):
    routed_order()
    text = signed_in("admin").get(address).content.decode()
    assert len(re.findall(r"<main[ >]", text)) == 1
    assert '<a class="skip" href="#main">' in text
    assert text.count('class="icon') == len(
        re.findall(r'<span class="icon[^>]*aria-hidden="true">', text)
    )


@pytest.mark.parametrize("address", OWN_PAGES)
def test_our_pages_allow_no_inline_script_and_hold_none(address):
    make_order()
    answer = signed_in("admin").get(address)
    text = answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)
    assert not re.search(r'(src|href)="(https?:)?//', text)


def test_the_badge_says_demo_only_while_the_shop_is_the_local_one():
    store = make_store()
    client = signed_in("ops")
    assert "DEMO DATA" not in words_of(client.get("/"))
    shop = Connection.objects.create(
        store=store,
        shop_domain="acme.myshopify.com",
        base_url="http://127.0.0.1:8123",
        access_token="t",
        webhook_secret="s",
    )
    assert "DEMO DATA" in words_of(client.get("/"))
    shop.base_url = "https://acme.myshopify.com"
    shop.save(update_fields=["base_url"])
    assert "DEMO DATA" not in words_of(client.get("/"))


def test_the_clock_is_the_stores(monkeypatch):
    make_store()
    Store.objects.update(timezone="Asia/Tokyo")
    from datetime import UTC, datetime

    from oms.core import clock

    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    assert "Sat 21 Nov, 08:30" in words_of(signed_in("ops").get("/"))


def test_theme_and_menu_are_remembered_before_any_script_runs():
    make_store()
    client = signed_in("ops")
    client.cookies["theme"], client.cookies["side"] = "dark", "rail"
    assert '<html lang="en-GB" class="dark side-rail">' in client.get("/").content.decode()
    client.cookies["theme"] = '"><script>'
    assert 'class="light side-rail"' in client.get("/").content.decode()


def test_a_page_that_does_not_exist_says_so_and_leads_back():
    answer = signed_in("ops").get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no page at this address." in words_of(answer)


def test_signing_in_and_out_works_and_a_wrong_password_says_so():
    make_store()
    person = make_user("olga", "ops")
    person.set_password("olga-runs-the-yard")
    person.save()
    client = Client()
    wrong = client.post("/login/", {"username": "olga", "password": "guess"})
    assert "do not go together" in words_of(wrong)
    right = {"username": "olga", "password": "olga-runs-the-yard", "next": "/queue/"}
    assert client.post("/login/", right).url == "/queue/"
    assert client.get("/password_change/").status_code == 200
    assert "You are signed out." in words_of(client.post("/logout/"))
    assert client.get("/").status_code == 302


def test_a_form_from_a_page_too_old_says_that_nothing_was_done():
    make_store()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_user("olga", "ops"))
    answer = strict.post("/queue/claim-next/")
    assert answer.status_code == 403
    assert "Nothing was done" in words_of(answer)
