"""The bell rings once for work that waits; an empty or silent Redis loses nothing."""

from collections.abc import Iterator

import django_rq
import pytest
from redis.exceptions import ConnectionError as RedisAway
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from oms import jobs, wiring
from oms.orders.models import Order
from oms.runner.management.commands.scheduler import Command
from routing import policies
from tests.cast import OLGA, make_item, make_location, make_order, make_store, stock


@pytest.fixture(autouse=True)
def quiet_queues() -> Iterator[None]:
    django_rq.get_connection("intake").flushdb()
    yield
    django_rq.get_connection("intake").flushdb()


def waiting(queue: str = "intake") -> int:
    return int(django_rq.get_queue(queue).count)


def look() -> None:
    """One look of the scheduler; jobs that ring by the clock are not due."""
    Command()._look(dict.fromkeys(wiring.JOBS, float("inf")), 0.0)


def work_off(queue: str = "intake") -> None:
    worker = SimpleWorker(
        [django_rq.get_queue(queue)],
        connection=django_rq.get_connection(queue),
        serializer=JSONSerializer,
    )
    worker.work(burst=True, logging_level="ERROR")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_rung_when_nothing_is_due() -> None:
    look()

    assert waiting() == 0


@pytest.mark.django_db(transaction=True)
def test_however_often_somebody_looks_one_job_waits() -> None:
    make_order()

    for _ in range(5):
        look()

    assert waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_a_bell_that_was_lost_rings_again() -> None:
    make_order()
    look()
    django_rq.get_connection("intake").flushdb()

    look()

    assert waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_the_job_drains_what_is_due_and_the_bell_can_ring_for_the_next() -> None:
    policies.ensure_default(store_id=make_store().pk, actor=OLGA)
    stock(make_item("mug"), make_location("east"), 5)
    make_order()
    look()

    work_off()

    assert Order.objects.get().routed_at is not None
    assert waiting() == 0
    make_order()
    look()
    assert waiting() == 1


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_is_away_is_no_error_for_who_rings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queue = django_rq.get_queue("intake")

    def gone(*arguments: object, **options: object) -> None:
        raise RedisAway("no route")

    monkeypatch.setattr(queue.connection, "set", gone)
    monkeypatch.setattr(django_rq, "get_queue", lambda name: queue)

    assert not jobs.ring("drain_intake")
    assert "did not ring" in caplog.text


def test_every_job_exists_and_its_queue_has_a_worker() -> None:
    from django.conf import settings

    for name, job in wiring.JOBS.items():
        assert callable(getattr(jobs, name))
        assert job.queue in settings.RQ_QUEUES
        assert (job.is_due is None) != (job.every is None)
