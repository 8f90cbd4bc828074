"""Messages are read in batches; a bad one stands alone with its reason."""

import pytest

from oms.core import batches, inbox
from oms.core.errors import BadPayload
from oms.core.models import InboxMessage
from tests.cast import make_store

pytestmark = pytest.mark.django_db


def arrive(*bodies: bytes) -> list[int]:
    store = make_store()
    rows = [
        InboxMessage.objects.create(
            store=store, delivery_id=f"d{n}", topic="orders/create", body=body
        )
        for n, body in enumerate(bodies)
    ]
    return [row.pk for row in rows]


def test_bytes_come_out_as_they_went_in() -> None:
    arrive(b"\x00\xff{broken")

    (message,) = inbox.claim(10)

    assert message.body == b"\x00\xff{broken"


def test_later_waits_twice_as_long_each_time_and_ends_in_quarantine() -> None:
    (id_,) = arrive(b"{}")

    for _ in range(inbox.MAX_ATTEMPTS):
        assert InboxMessage.objects.get().state == "new"
        inbox.later([id_], seconds=5, reason="unknown order")

    row = InboxMessage.objects.get()
    assert (row.state, row.reason) == ("quarantined", "unknown order")


def test_a_quarantined_message_can_be_read_again() -> None:
    (id_,) = arrive(b"{}")
    inbox.quarantined([id_], ["not JSON"])

    assert inbox.read_again(id_)
    assert not inbox.read_again(id_)
    assert [m.id for m in inbox.claim(10)] == [id_]


def test_a_batch_with_one_bad_row_does_the_others_and_names_the_bad_one() -> None:
    done: list[int] = []
    bad: list[tuple[int, str]] = []

    def work(rows: list[int]) -> None:
        if 7 in rows:
            raise BadPayload("seven")
        done.extend(rows)

    batches.halve(list(range(12)), work, lambda row, error: bad.append((row, str(error))))

    assert sorted(done) == [n for n in range(12) if n != 7]
    assert bad == [(7, "seven")]


def test_a_failing_half_leaves_nothing_of_its_work_behind() -> None:
    store = make_store()

    def work(rows: list[int]) -> None:
        for row in rows:
            InboxMessage.objects.create(store=store, delivery_id=str(row), topic="t/t", body=b"")
            if row == 2:
                raise ValueError("two")

    batches.halve([1, 2, 3], work, lambda row, error: None)

    assert sorted(InboxMessage.objects.values_list("delivery_id", flat=True)) == ["1", "3"]
