"""What a bundle is made of: said by who may, refused where it would go round in circles."""

import pytest
from django.apps import apps

from oms.catalog.commands import set_parts
from oms.catalog.models import BundlePart, Item
from oms.core.errors import Refused
from oms.core.models import Timer
from tests.cast import OLGA, make_item, make_store
from tests.console.people import signed_in

pytestmark = pytest.mark.django_db


def parts_of(item: Item) -> dict[str, int]:
    return dict(item.parts.values_list("part__sku", "quantity"))


def history() -> list[tuple[str, int]]:
    rows = apps.get_model("catalog", "BundlePartEvent").objects.order_by("pgh_id")
    return list(rows.values_list("pgh_label", "quantity"))


def test_the_parts_of_a_bundle_are_set_changed_and_taken_away():
    gift, mug, shirt = make_item("gift"), make_item("mug"), make_item("shirt")

    set_parts(item_id=gift.pk, parts={mug.pk: 2, shirt.pk: 1}, actor=OLGA)
    assert parts_of(gift) == {"mug": 2, "shirt": 1}
    set_parts(item_id=gift.pk, parts={mug.pk: 3}, actor=OLGA)
    assert parts_of(gift) == {"mug": 3}
    set_parts(item_id=gift.pk, parts={}, actor=OLGA)
    assert parts_of(gift) == {}

    assert history() == [("insert", 2), ("insert", 1), ("delete", 1), ("update", 3), ("delete", 3)]
    event = apps.get_model("catalog", "BundlePartEvent").objects.first()
    assert event.pgh_context.metadata["actor"] == "user:Olga Ops"


def test_orders_that_wait_for_the_bundle_have_their_turn():
    gift, mug = make_item("gift"), make_item("mug")

    set_parts(item_id=gift.pk, parts={mug.pk: 2}, actor=OLGA)

    assert list(Timer.objects.values_list("kind", "subject_id")) == [("arrived", gift.pk)]


def test_saying_the_same_again_is_quiet():
    gift, mug = make_item("gift"), make_item("mug")
    set_parts(item_id=gift.pk, parts={mug.pk: 2}, actor=OLGA)
    Timer.objects.all().delete()

    set_parts(item_id=gift.pk, parts={mug.pk: 2}, actor=OLGA)

    assert history() == [("insert", 2)]
    assert not Timer.objects.exists()


def test_a_bundle_of_bundles_is_refused_from_either_side():
    gift, mug, crate = make_item("gift"), make_item("mug"), make_item("crate")
    set_parts(item_id=gift.pk, parts={mug.pk: 2}, actor=OLGA)

    with pytest.raises(Refused, match="gift is a bundle itself: list what it is made of instead"):
        set_parts(item_id=crate.pk, parts={gift.pk: 1}, actor=OLGA)
    with pytest.raises(Refused, match="mug is a part of gift, and a bundle cannot hold bundles"):
        set_parts(item_id=mug.pk, parts={crate.pk: 1}, actor=OLGA)
    with pytest.raises(Refused, match="gift cannot be a part of itself"):
        set_parts(item_id=gift.pk, parts={gift.pk: 1}, actor=OLGA)

    assert BundlePart.objects.count() == 1


def test_parts_are_whole_units_of_items_of_the_same_shop():
    gift, mug = make_item("gift"), make_item("mug")
    strange = make_item("strange", store=make_store("other"))

    with pytest.raises(Refused, match="at least one"):
        set_parts(item_id=gift.pk, parts={mug.pk: 0}, actor=OLGA)
    with pytest.raises(Refused, match="an item of the same shop"):
        set_parts(item_id=gift.pk, parts={strange.pk: 1}, actor=OLGA)
    with pytest.raises(Refused, match="an item of the same shop"):
        set_parts(item_id=gift.pk, parts={999_999: 1}, actor=OLGA)
    with pytest.raises(Refused, match="does not exist"):
        set_parts(item_id=999_999, parts={mug.pk: 1}, actor=OLGA)

    assert not BundlePart.objects.exists()


def address(item: Item) -> str:
    return f"/catalog/item/{item.pk}/change/"


def form(*rows: tuple[object, object], known: int = 0) -> dict[str, object]:
    data: dict[str, object] = {"parts-TOTAL_FORMS": len(rows), "parts-INITIAL_FORMS": known}
    for number, (part, quantity) in enumerate(rows):
        data |= {f"parts-{number}-part": part, f"parts-{number}-quantity": quantity}
    return data


def test_ops_say_it_on_the_page_of_the_item():
    gift, mug, shirt = make_item("gift"), make_item("mug"), make_item("shirt")
    olga = signed_in("ops")
    assert olga.get(address(gift)).status_code == 200

    answer = olga.post(address(gift), form((mug.pk, 2), (shirt.pk, 1)) | {"sku": "renamed"})

    assert answer.status_code == 302
    assert parts_of(gift) == {"mug": 2, "shirt": 1}
    gift.refresh_from_db()
    assert gift.sku == "gift"


def test_a_row_is_changed_or_crossed_out():
    gift, mug, shirt = make_item("gift"), make_item("mug"), make_item("shirt")
    set_parts(item_id=gift.pk, parts={mug.pk: 2, shirt.pk: 1}, actor=OLGA)
    first, second = gift.parts.order_by("part__sku")
    rows = form((mug.pk, 5), (shirt.pk, 1), known=2) | {
        "parts-0-id": first.pk,
        "parts-0-bundle": gift.pk,
        "parts-1-id": second.pk,
        "parts-1-bundle": gift.pk,
        "parts-1-DELETE": "on",
    }

    assert signed_in("ops").post(address(gift), rows).status_code == 302

    assert parts_of(gift) == {"mug": 5}


@pytest.mark.parametrize("rows", [[("mug", "0")], [("mug", "-1")], [("mug", "x")], [("gift", "1")]])
def test_nonsense_is_said_beside_the_rows(rows):
    gift = make_item("gift")
    make_item("mug")
    filled = form(*((make_item(sku).pk, quantity) for sku, quantity in rows))

    answer = signed_in("ops").post(address(gift), filled)

    assert answer.status_code == 200
    assert "error" in answer.content.decode().lower()
    assert not BundlePart.objects.exists()


def test_a_bundle_of_bundles_is_refused_on_the_page_too():
    gift, mug, crate = make_item("gift"), make_item("mug"), make_item("crate")
    set_parts(item_id=gift.pk, parts={mug.pk: 2}, actor=OLGA)

    answer = signed_in("ops").post(address(crate), form((gift.pk, 1)))

    assert "gift is a bundle itself: list what it is made of instead." in answer.content.decode()
    assert parts_of(crate) == {}


@pytest.mark.parametrize("role", ["support", "finance"])
def test_others_look_and_change_nothing(role):
    gift, mug = make_item("gift"), make_item("mug")
    set_parts(item_id=gift.pk, parts={mug.pk: 2}, actor=OLGA)
    client = signed_in(role)

    seen = client.get(address(gift))
    assert seen.status_code in (200, 403)
    assert client.post(address(gift), form((mug.pk, 9))).status_code == 403

    assert parts_of(gift) == {"mug": 2}


def test_nobody_adds_or_deletes_items_here():
    gift = make_item("gift")
    admin = signed_in("admin")

    assert admin.get("/catalog/item/add/").status_code == 403
    assert admin.post(f"/catalog/item/{gift.pk}/delete/").status_code == 403
