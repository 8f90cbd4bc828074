"""Great-circle distance between two points on the earth."""

from math import asin, cos, radians, sin, sqrt

EARTH_KM = 6371.0


def km_between(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """Kilometres along the surface, by the haversine formula, to one decimal."""
    a, b = radians(latitude), radians(to_latitude)
    across = radians(to_longitude - longitude)
    h = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(across / 2) ** 2
    return round(2 * EARTH_KM * asin(min(1.0, sqrt(h))), 1)
