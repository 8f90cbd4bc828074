"""The page of figures says what was measured, beside what, and for which commit."""

import json
from pathlib import Path

from oms.bench import planner, report
from oms.bench.report import Figure


def test_a_figure_is_one_line_of_json_with_its_ratio() -> None:
    line = json.loads(report.line(Figure("rate", 300, "orders/s", 1, 1500), "abc"))

    assert line == {
        "name": "rate",
        "value": 300,
        "unit": "orders/s",
        "seed": 1,
        "ceiling": 1500,
        "note": "",
        "ratio": 0.2,
        "commit": "abc",
    }


def test_the_page_keeps_commit_seed_and_every_figure(tmp_path: Path) -> None:
    page = tmp_path / "page.md"

    report.write_page([Figure("rate", 300, "orders/s", 1, 1500, "two cores")], "abc", page)

    text = page.read_text()
    assert "Commit abc" in text
    assert "| rate | 300 orders/s | 1,500 | 0.2 | two cores |" in text


def test_the_planner_is_measured_at_every_size() -> None:
    names = [figure.name for figure in planner.measure()]

    assert names == [f"plan_{a}x{b}_{cut}" for a, b in planner.SIZES for cut in ("p50", "p95")]
