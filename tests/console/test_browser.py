"""A real browser opens every page as every role and hears no complaint; keys and live rows work.

Runs where Debian's Chromium is installed. SWITCHYARD_SHOTS=folder keeps a picture of every page.
"""

import os
import shutil
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connections

from oms.catalog.models import Item
from oms.console.demo_logins import LOGINS
from oms.exceptions.models import ExceptionCase
from oms.exceptions.sweep import sweep
from oms.orders import holds
from oms.orders.models import Order
from tests.cast import OLGA, line, make_order, make_store, make_user
from tests.fulfillment.floor import released, routed_order, shipped

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHOTS = os.environ.get("SWITCHYARD_SHOTS", "")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync", "--disable-quic",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture
def browser(monkeypatch, settings):
    # Signing in a dozen times must not cost a dozen slow hashes.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Playwright runs a loop of its own in this thread; the test's own queries are not in it.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()
        # Under its loop Django opened a connection of its own; nobody else would close it.
        connections.close_all()


@pytest.fixture
def console(live_server):
    """A shop with an order in each stage, four kinds of exceptions, and the four people."""
    hostile = make_order(line("UNKNOWN-1"))
    Order.objects.filter(pk=hostile.pk).update(ship_name="</script><b>Robert'); --\u202eevil")
    held = make_order()
    holds.place(order_id=held.pk, kind="risk", reason="card and delivery differ", actor=OLGA)
    released(routed_order())
    shipped(routed_order())
    sweep(kinds=["unknown_item", "hold_open"])
    for role, name, password, full_name in LOGINS:
        person = make_user(name, role)
        person.set_password(password)
        person.first_name, person.last_name = full_name.split()
        person.groups.set([Group.objects.get(name=role)])
        person.save()
    return live_server.url


class Visit:
    """One person in one window, with everything that the browser complained about."""

    def __init__(self, browser, url: str, role: str, **window) -> None:
        self.url, self.role, self.wrong = url, role, []
        self.name, password = next((n, p) for r, n, p, _ in LOGINS if r == role)
        size = window.pop("size", (1440, 900))
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **window)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._heard)
        self.page.on("request", self._left)
        self.open("/login/")
        self.page.fill("[name=username]", self.name)
        self.page.fill("[name=password]", password)
        self.page.press("[name=password]", "Enter")
        self.page.wait_for_selector(".sidebar")

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{self.page.url}: {message.text}")

    def _left(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.wrong.append(f"{self.page.url} asked another host: {request.url}")

    def open(self, path: str) -> int:
        answer = self.page.goto(self.url + path if path.startswith("/") else path)
        self.page.wait_for_load_state("networkidle")
        return answer.status

    def shoot(self, name: str) -> None:
        if SHOTS:
            folder = Path(SHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=folder / f"{self.role}-{name}.png")


@pytest.mark.parametrize("role", [role for role, *_ in LOGINS])
def test_every_page_of_the_menu_opens_without_a_complaint(browser, console, role):
    visit = Visit(browser, console, role)
    links = visit.page.eval_on_selector_all(".nav a", "links => links.map(link => link.href)")
    assert len(links) >= 5
    for link in links:
        assert visit.open(link) == 200, link
        assert visit.page.locator("main").count() == 1, link
        visit.shoot(link.removeprefix(console).strip("/").replace("/", "-") or "today")
    assert visit.wrong == []


@pytest.mark.parametrize(("theme", "size"), [("dark", (1440, 900)), ("light", (1024, 768))])
def test_dark_and_narrow_pages_fit(browser, console, theme, size):
    visit = Visit(browser, console, "ops", color_scheme=theme, size=size)
    mug = Item.objects.get(sku="mug").pk
    for path in (
        "/", "/queue/", "/orders/", "/streams/", "/inventory/stocklevel/", "/stock/",
        f"/stock/{mug}/", "/stock/rules/", "/nearby/",
    ):  # fmt: skip
        visit.open(path)
        assert theme in visit.page.evaluate("document.documentElement.className")
        wide = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
        visit.shoot(f"{theme}-{size[0]}{path.replace('/', '-').rstrip('-')}")
    assert visit.wrong == []


def test_a_formula_opens_on_hover_and_on_focus_inside_the_window(browser, console):
    visit = Visit(browser, console, "support", size=(1024, 768))
    page = visit.page
    visit.open("/stock/")
    shown = "cell => getComputedStyle(cell, '::after').display"
    cell = page.locator(".stock-grid td.at a.cell").first
    assert cell.evaluate(shown) == "none"
    cell.hover()
    assert cell.evaluate(shown) == "block"
    page.mouse.move(0, 0)
    assert cell.evaluate(shown) == "none"
    for _ in range(60):
        page.keyboard.press("Tab")
        if cell.evaluate("cell => cell === document.activeElement"):
            break
    assert cell.evaluate(shown) == "block"
    assert "= " in cell.get_attribute("aria-label")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.closest('td').className") == "stay-2 num"
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=can be sold")
    assert visit.wrong == []


def test_stock_is_corrected_without_any_script(browser, console):
    visit = Visit(browser, console, "ops", java_script_enabled=False)
    page = visit.page
    mug = Item.objects.get(sku="mug")
    before = sum(mug.levels.values_list("on_hand", flat=True))
    visit.open(f"/stock/{mug.pk}/")
    page.click("summary >> text=Correct on hand")
    page.fill("#adjust-delta", "+3")
    page.select_option("#adjust-reason", "found")
    page.click("details[open] >> text=See what it changes")
    page.wait_for_selector(".preview >> text=→")
    assert sum(mug.levels.values_list("on_hand", flat=True)) == before
    page.click(".preview >> text=Correct it by +3")
    page.wait_for_selector(".says >> text=done")
    assert sum(mug.levels.values_list("on_hand", flat=True)) == before + 3
    assert visit.wrong == []


def test_the_queue_is_worked_by_keys_alone(browser, console):
    visit = Visit(browser, console, "ops")
    page = visit.page
    visit.open("/queue/")
    rows = page.locator("tr.case")
    assert rows.count() == 2

    page.keyboard.press("j")
    second = rows.nth(1)
    assert "chosen" in second.get_attribute("class")
    page.wait_for_selector(f".panel-body[data-case='{second.get_attribute('data-case')}']")

    page.keyboard.press("c")
    page.wait_for_selector("text=It is yours.")
    case = ExceptionCase.objects.get(pk=second.get_attribute("data-case"))
    assert case.owner.username == "olga"

    for key in "hs":
        page.keyboard.press(key)
        sheet = page.locator("details[open] .sheet-body").bounding_box()
        assert sheet["x"] >= 0 and sheet["x"] + sheet["width"] <= page.evaluate("innerWidth")
        page.keyboard.press("Escape")

    page.keyboard.press("e")
    page.keyboard.type("Asked the shop; j and k are only letters here.")
    page.click("text=Add the note")
    page.wait_for_selector(".notes >> text=Asked the shop")
    assert case.notes.get().text == "Asked the shop; j and k are only letters here."

    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 700, "y": 25})
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open] >> text=All keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    assert page.evaluate("document.activeElement.id") == "find-input"
    assert visit.wrong == []


def test_a_change_by_somebody_else_arrives_and_the_chosen_row_stays(browser, console):
    visit = Visit(browser, console, "ops")
    page = visit.page
    visit.open("/queue/")
    page.keyboard.press("j")
    chosen = page.locator("tr.case.chosen").get_attribute("data-case")

    make_order(line("UNKNOWN-2"))
    sweep(kinds=["unknown_item"])
    page.wait_for_selector("#new-rows:not([hidden])", timeout=15_000)
    assert page.locator("#new-rows").inner_text() == "1 new"
    assert page.locator("tr.case").count() == 2
    assert page.locator("tr.case.chosen").get_attribute("data-case") == chosen

    page.click("#new-rows")
    assert page.locator("tr.case").count() == 3
    assert page.locator("tr.case.chosen").get_attribute("data-case") == chosen
    assert visit.wrong == []


def test_the_queue_works_without_any_script(browser, console):
    visit = Visit(browser, console, "ops", java_script_enabled=False)
    page = visit.page
    visit.open("/queue/")
    page.locator("tr.case a.what").nth(1).click()
    page.wait_for_load_state("networkidle")
    assert "case=" in page.url
    page.click(".panel-note >> text=Claim it")
    page.wait_for_selector(".says >> text=It is yours.")
    page.click(".way .no-js")
    page.wait_for_selector(".says")
    assert visit.wrong == []


def test_before_the_first_order_every_page_says_what_its_emptiness_means(browser, live_server):
    make_store()
    role, name, password, _ = LOGINS[0]
    person = make_user(name, role)
    person.set_password(password)
    person.groups.set([Group.objects.get(name=role)])
    person.save()
    visit = Visit(browser, live_server.url, role)
    for path, says in [
        ("/", "No order is in the flow."),
        ("/queue/", "No exception is open."),
        ("/streams/", "No stream has reported yet."),
        ("/stock/", "No item is known yet"),
        ("/stock/rules/", "Every channel is offered all that is free"),
        ("/nearby/", "Type or scan an item"),
    ]:
        visit.open(path)
        assert says in visit.page.inner_text("main")
        visit.shoot(f"empty{path.replace('/', '-').rstrip('-')}")
    assert visit.wrong == []
