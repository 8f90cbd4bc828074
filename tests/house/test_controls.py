"""The negative controls still take away what they say; `make drill-controls` runs them."""

import pytest

from tests.controls import CONTROLS, PROJECT, Control


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_what_a_control_takes_away_is_there(control: Control) -> None:
    text = (PROJECT / control.file).read_text()

    assert text.count(control.text) == 1
    assert control.instead != control.text
    assert all((PROJECT / name).exists() for name in control.tests)


def test_no_two_controls_have_the_same_name() -> None:
    assert len({control.name for control in CONTROLS}) == len(CONTROLS)
