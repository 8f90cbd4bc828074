"""The little map of the order page: positions, scale, labels and land."""

import math

import pytest

from oms.console.sketch import HEIGHT, WIDTH, Place, draw

LEEDS = Place("Leeds", 53.80, -1.55, "ships", "2 sent")
READING = Place("Reading", 51.45, -0.97, "waits", "mug Tue")
LONDON = Place("London", 51.51, -0.13)
EDINBURGH = Place("Edinburgh", 55.95, -3.19)
BATH = Place("Bath", 51.38, -2.36)


def test_no_place_with_coordinates_makes_no_map():
    assert draw([], BATH) is None


def test_north_is_up_and_east_is_right():
    sketch = draw([LEEDS, LONDON], BATH)
    leeds, london = sketch.marks
    assert leeds.y < sketch.target.y
    assert london.x > sketch.target.x


def test_every_place_stands_inside_the_picture():
    sketch = draw([LEEDS, READING, LONDON, EDINBURGH], BATH)
    assert len(sketch.marks) == 4
    for mark in [*sketch.marks, sketch.target]:
        assert 0 <= mark.x <= WIDTH
        assert 0 <= mark.y <= HEIGHT


def test_only_places_that_ship_or_will_ship_have_a_way_to_the_customer():
    sketch = draw([LEEDS, READING, LONDON], BATH)
    assert [role for _, role in sketch.ways] == ["ships", "waits"]


def test_the_scale_bar_measures_what_it_says():
    sketch = draw([LEEDS], BATH)
    leeds = sketch.marks[0]
    length, unit = sketch.bar_words.split()
    assert unit == "km"
    points_a_km = sketch.bar_width / float(length)
    drawn = math.hypot(leeds.x - sketch.target.x, leeds.y - sketch.target.y) / points_a_km
    assert drawn == pytest.approx(274.6, rel=0.02)  # great circle from Leeds to Bath


def test_the_british_coast_is_drawn_around_british_places():
    assert draw([LEEDS], BATH).land.startswith("M")


def test_labels_never_overlap_each_other():
    crowd = [Place(f"Shop {i}", 51.4 + i / 200, -2.3 + i / 200) for i in range(30)]
    sketch = draw([LEEDS, *crowd], BATH)
    boxes = []
    for mark in [*sketch.marks, sketch.target]:
        if not mark.label:
            continue
        wide = len(mark.label) * 5.6
        left = mark.label_x - {"start": 0, "end": wide, "middle": wide / 2}[mark.anchor]
        box = (left, mark.label_y - 9, left + wide, mark.label_y + 3)
        for other in boxes:
            assert not (
                box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
            )
        boxes.append(box)
    assert len(boxes) >= 3


def test_two_places_in_one_town_do_not_zoom_to_nothing():
    sketch = draw([Place("Shop", 51.381, -2.361, "ships")], BATH)
    assert sketch.bar_words.endswith("km")
    assert float(sketch.bar_words.split()[0]) >= 5


def test_a_place_across_the_date_line_is_near():
    sketch = draw([Place("Suva", -18.1, 178.4, "ships")], Place("Apia", -13.8, -171.8))
    suva = sketch.marks[0]
    assert suva.x < sketch.target.x
    assert 0 < suva.x < WIDTH


def test_far_away_losers_do_not_shrink_the_map():
    near = draw([LEEDS, Place("Sydney", -33.9, 151.2)], BATH)
    assert [mark.title for mark in near.marks] == ["Leeds: 2 sent"]


def test_half_the_earth_is_not_drawn():
    assert draw([LEEDS, READING], Place("Osaka", 34.7, 135.5)) is None


def test_an_ocean_between_is_drawn():
    assert draw([Place("Newark", 40.7, -74.2, "ships")], BATH) is not None
