"""The django-rq pages: inside the shell, for those who may, and calm when Redis is away."""

import pytest
from django.conf import settings

from tests.cast import make_store
from tests.console.people import signed_in, words_of

pytestmark = pytest.mark.django_db


def test_the_queues_show_inside_the_shell():
    make_store()
    client = signed_in("admin")
    words = words_of(client.get("/jobs/"))
    for queue in settings.RQ_QUEUES:
        assert queue in words
    assert "Exception queue" in words
    assert client.get("/jobs/queues/0/").status_code == 200


@pytest.mark.parametrize("role", ["ops", "support", "finance"])
@pytest.mark.parametrize("address", ["/jobs/", "/jobs/stats.json", "/jobs/queues/0/empty/"])
def test_other_roles_see_and_do_nothing_there(role, address):
    make_store()
    client = signed_in(role)
    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 403


def test_redis_away_is_said_and_is_not_an_error(monkeypatch):
    make_store()
    nowhere = {**settings.RQ_QUEUES["intake"], "URL": "redis://127.0.0.1:1/0"}
    monkeypatch.setitem(settings.RQ_QUEUES, "intake", nowhere)
    answer = signed_in("admin").get("/jobs/queues/0/")
    assert answer.status_code == 503
    assert "Redis does not answer" in words_of(answer)
