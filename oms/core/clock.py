"""The one place that reads the time, so that tests and drills can move it."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """Aware UTC time. Leases and due times compare with the database clock, not with this."""
    return timezone.now()
