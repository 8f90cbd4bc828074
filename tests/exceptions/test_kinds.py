"""Every kind is whole: label, team, sentence, query, README row; old rows never crash a page."""

from pathlib import Path

import pytest

from oms.exceptions import kinds, sentences, ways
from oms.exceptions.detectors import DETECTORS
from oms.exceptions.kinds import KINDS, TEAMS

README = Path(kinds.__file__).with_name("README.md").read_text()
CODES = list(KINDS)

# Names and reasons as long as people write them; a row of the queue holds 62 characters.
LONG = "Hand-thrown stoneware serving bowl, large, speckled oatmeal glaze"
FACTS = {
    "unroutable": [
        {"units": 12, "lines": 3, "line_units": 12, "sku": "S", "title": LONG, "country": "US",
         "serving": 2, "have": [["Manchester Piccadilly", 11]], "elsewhere": []},
        {"units": 2, "lines": 1, "line_units": 2, "sku": "S", "title": LONG, "country": "GB",
         "serving": 2, "have": [], "elsewhere": [["Newark", 4]]},
        {"units": 2, "lines": 1, "line_units": 2, "sku": "S", "title": LONG, "country": "GB",
         "serving": 2, "have": [["Newark", 2]], "elsewhere": []},
        {"units": 2, "lines": 1, "line_units": 2, "sku": "S", "title": LONG, "country": "NZ",
         "serving": 0, "have": [], "elsewhere": []},
    ],
    "stock_short": [
        {"on_hand": 13, "reserved": 25, "missing": 12, "title": LONG, "sku": "S", "orders": 12,
         "location": "Manchester Piccadilly", "holding": [], "settled": True, "crossed_by": ""},
        {"on_hand": -4, "reserved": 0, "missing": 4, "title": LONG, "sku": "S", "orders": 0,
         "location": "Manchester Piccadilly", "holding": [], "settled": True, "crossed_by": ""},
        {"on_hand": -4, "reserved": 0, "missing": 4, "title": LONG, "sku": "S", "orders": 0,
         "location": "Manchester Piccadilly", "holding": [], "settled": True,
         "crossed_by": "#PK-1004711"},
        {"on_hand": 13, "reserved": 25, "missing": 12, "title": LONG, "sku": "S", "orders": 12,
         "location": "Manchester Piccadilly", "holding": [], "settled": False, "crossed_by": ""},
    ],
    "supply_late": [
        {"number": "PO-2026-11-0041-ACME-POTTERY", "days": 112, "units": 12400, "orders": 1284},
        {"number": "PO-2041", "days": 1, "units": 1, "orders": 0},
    ],
    "promise_slipped": [
        {"number": "PO-2026-11-0041-ACME-POTTERY", "expected": "Wed 27 Nov", "orders": 1284},
        {"number": "PO-2041", "expected": "Wed 27 Nov", "orders": 1},
    ],
    "count_variance": [
        {"sku": "S", "title": LONG, "location": "Manchester Piccadilly", "expected": -1_200,
         "counted": 9_999_999},
    ],
    "count_overdue": [
        {"location": "Manchester Piccadilly and its annexes", "levels": 12_312, "days": 1_350},
        {"location": "Soho store", "levels": 1, "days": 45},
    ],
    "count_waiting": [
        {"location": "Manchester Piccadilly and all of its annexes", "state": state,
         "levels": 12_312, "since": "Fri 20 Nov 09:10"} for state in ("open", "review")
    ],
    "stock_drift": [
        {"location": "Manchester Piccadilly", "title": LONG, "sku": "S", "ours": -1_200,
         "theirs": 9_999_999},
    ],
    "unknown_item": [
        {"position": 12, "sku": "MUG-OLD-04-LIMITED-EDITION-1998", "title": LONG, "units": 1},
        {"position": 12, "sku": "", "title": LONG, "units": 1},
    ],
    "address_missing": [{"hold": 1, "reason": LONG + LONG}],
    "hold_open": [{"hold": 1, "kind": "payment", "reason": LONG + LONG, "since": "Fri 20 Nov"}],
    "work_late": [
        {"code": "MAN-1177190", "state": "released", "location": "Manchester Piccadilly",
         "units": 12, "picked": 0, "since": "Fri 20 Nov 09:10"},
        {"code": "MAN-1177190", "state": "packed", "location": "Soho store",
         "units": 12, "picked": 12, "since": "Fri 20 Nov 09:10"},
        {"code": "MAN-1177190", "state": "picking", "location": "Soho store",
         "units": 12, "picked": 10, "since": "Fri 20 Nov 09:10"},
    ],
    "parcel_silent": [
        {"carrier": "Royal Mail Tracked", "state": "in_transit", "tracking": "1",
         "place": "Warrington national hub, bay 14", "since": "Sat 14 Nov"},
        {"carrier": "Royal Mail Tracked", "state": "in_transit", "tracking": "1",
         "place": "", "since": "Sat 14 Nov"},
        {"carrier": "Royal Mail Tracked", "state": "labelled", "tracking": "1",
         "place": "", "since": "Sat 14 Nov"},
    ],
    "write_back_failed": [
        {"topic": topic, "key": "k", "reason": LONG, "attempts": 3} for topic in sentences.TOLD
    ],
    "write_back_late": [
        {"topic": topic, "writes": 12_312, "reason": "", "since": "Fri 20 Nov 09:10"}
        for topic in sentences.TOLD
    ],
    "quarantined_message": [
        {"topic": topic, "reason": LONG + LONG, "delivery": "d", "received": "Fri 20 Nov"}
        for topic in [*sentences.MESSAGES, "shop/redact"]
    ],
    "cancelled_after_ship": [{"units": 1_200}],
    "return_differs": [
        {"number": "RET-33100", "lines": lines, "title": LONG, "declared": 12,
         "received": 11, "missing": missing, "extra": extra}
        for lines, missing, extra in [(1, 1, 0), (2, 0, 0), (1, 0, 2)]
    ],
    "refund_differs": [
        {"difference": difference, "refunded": refunded, "failed": failed, "currency": "GBP",
         "owed": "0", "moved": "0", "on_its_way": "0"}
        for difference, refunded, failed in [
            ("12345.50", "0", LONG), ("12345.50", "12000", ""), ("12345.5", "0", ""),
            ("-12345.5", "20000", ""),
        ]
    ],
    "refund_waiting": [{"owed": "12345.5", "currency": "GBP", "by": "x", "since": "Fri 20 Nov"}],
    "stuck_order": [{"units": 1}, {"units": 1_200}],
}  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_every_kind_is_whole(code):
    kind = KINDS[code]

    assert kind.label and kind.check.endswith(".")
    assert kind.team in TEAMS
    assert kind.severity in (1, 2, 3)
    assert code in DETECTORS
    hours = int(kind.due.total_seconds() // 3600)
    row = next(row for row in README.splitlines() if row.startswith(f"| `{code}` |"))
    assert [cell.strip() for cell in row.split("|")][3:5] == [kind.team, f"{hours} h"]


def test_every_query_has_a_kind_and_the_last_net_is_checked_last():
    assert set(DETECTORS) == set(KINDS)
    assert CODES[-1] == "stuck_order"


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_fits_into_a_row_of_the_queue(code):
    for facts in FACTS[code]:
        sentence = kinds.sentence(code, facts)

        assert sentence != KINDS[code].label, facts
        assert len(sentence) <= sentences.LONGEST, sentence


@pytest.mark.parametrize("code", CODES)
def test_facts_of_an_older_shape_fall_back_to_the_label(code):
    assert kinds.sentence(code, {}) == KINDS[code].label


def test_a_kind_that_is_no_longer_known_is_shown_plainly():
    assert kinds.sentence("retired_kind", {"units": 1}) == "retired_kind"
    assert kinds.label("retired_kind") == "retired_kind"


def test_ways_out_have_distinct_codes_within_their_kind():
    for kind in KINDS.values():
        codes = [way.code for way in kind.ways]
        assert len(set(codes)) == len(codes)
        assert all(isinstance(way, ways.Way) and way.label and way.ability for way in kind.ways)
