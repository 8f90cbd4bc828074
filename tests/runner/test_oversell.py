"""The oversell drill would say it, if a unit were promised twice or a promise forgotten."""

from pathlib import Path

import pytest
from django.db import connection

from oms.core.errors import Refused
from oms.runner import attempts, oversell, shelves
from oms.runner.attempts import Buyer
from oms.runner.oversell import Report

pytestmark = pytest.mark.django_db(transaction=True)


def compared(log: Path) -> Report:
    report = Report("test", 1)
    oversell._compare([log], report)
    return report


def test_a_buyer_tries_its_share_by_every_path_and_all_agrees(tmp_path: Path) -> None:
    shelves.fill()
    log = tmp_path / "said"

    Buyer(number=1, seed=1, share=300, log=log).run()

    report = compared(log)
    assert report.attempts >= 300
    assert report.promised > 100
    assert (report.problems, report.errors) == ([], {})


def test_a_buyer_goes_on_after_its_death_with_what_was_left(tmp_path: Path) -> None:
    shelves.fill()
    log = tmp_path / "said"
    Buyer(number=1, seed=1, share=40, log=log).run()
    before = attempts.attempts(log)

    Buyer(number=1, seed=1, share=60, log=log).run()

    assert before >= 40
    assert 60 <= attempts.attempts(log) < before + 60


def test_units_promised_beyond_the_shelf_are_counted(tmp_path: Path) -> None:
    shelves.fill()
    log = tmp_path / "said"
    Buyer(number=1, seed=1, share=40, log=log).run()
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id) FROM inventory_stocklevel WHERE on_hand > 0")
        (level_id,) = cursor.fetchone()
        cursor.execute(
            "UPDATE inventory_stocklevel SET reserved = on_hand - fenced - soft + 3 WHERE id = %s",
            [level_id],
        )

    report = compared(log)

    assert report.oversold == 3
    assert any(problem.startswith("I1 ") for problem in report.problems)
    assert any(problem.startswith("I3 ") for problem in report.problems)


def test_a_confirmed_promise_that_is_not_there_is_counted(tmp_path: Path) -> None:
    shelves.fill()
    log = tmp_path / "said"
    log.write_text("life 1\npromised 999999 2\ntried 1\n")

    report = compared(log)

    assert report.forgotten == 1
    assert "1 confirmed promises are not there" in report.problems


def test_a_refusal_is_an_attempt_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves.fill()

    def refuse(*args: object, **kwargs: object) -> list[int]:
        raise Refused("None is free.")

    monkeypatch.setattr("inventory.reservations.reserve", refuse)
    buyer = Buyer(number=1, seed=1, share=1, log=tmp_path / "said")
    buyer.shelves.read()

    assert buyer.one() >= 1
    assert buyer.held == []
