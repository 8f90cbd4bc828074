"""History rows of a request say who did it, and nobody else's work is signed with that name."""

import pytest
from django.db import connection

from oms.orders import holds
from oms.orders.models import Hold
from tests.cast import OLGA, make_order
from tests.console.people import signed_in

pytestmark = pytest.mark.django_db


def signed_by() -> list[tuple[str, dict | None]]:
    """Each history row of a hold with the person it carries."""
    rows = Hold.pgh_event_models["insert"].objects.select_related("pgh_context")
    return [
        (row.pgh_label, row.pgh_context and row.pgh_context.metadata)
        for row in rows.order_by("pgh_id")
    ]


def test_what_a_person_changes_carries_the_person_and_the_address():
    order = make_order()
    client = signed_in("ops")
    person = client.session["_auth_user_id"]
    answer = client.post(f"/orders/{order.pk}/hold/", {"reason": "Call first", "kind": "manual"})
    assert answer.status_code == 302
    assert signed_by() == [("insert", {"user": int(person), "url": f"/orders/{order.pk}/hold/"})]


def test_what_comes_after_the_request_is_not_signed_with_that_name():
    order = make_order()
    signed_in("ops").post("/queue/claim-next/")
    holds.place(order_id=order.pk, kind="manual", reason="Later", actor=OLGA)
    assert signed_by() == [("insert", None)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('pghistory.context_id', true)")
        assert cursor.fetchone() == ("",)
