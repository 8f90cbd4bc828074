"""`manage.py scheduler`: look for due rows several times a second and ring the bell for them."""

import logging
import signal
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, connection

from oms import jobs, wiring

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
TROUBLE_SECONDS = 1.0


class Command(BaseCommand):
    """Two schedulers at once are harmless: a bell that waits is not rung again."""

    help = "Ring the bell for work that is due. Run one, or several for safety."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        next_time = dict.fromkeys(wiring.JOBS, 0.0)
        while not self.stopping:
            began = time.monotonic()
            try:
                self._look(next_time, began)
            except Error as error:
                log.warning("the database does not answer: %s", error)
                connection.close()
                time.sleep(TROUBLE_SECONDS)
            time.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - began)))

    def _look(self, next_time: dict[str, float], began: float) -> None:
        for name, job in wiring.JOBS.items():
            if job.every is not None:
                if next_time[name] <= began and jobs.ring(name):
                    next_time[name] = began + job.every
            elif job.is_due is not None and job.is_due():
                jobs.ring(name)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True
