"""`manage.py crew`: play the warehouses, the carrier and the returns desk of the demo."""

import logging
import os
import signal
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error, connection

from oms.core.errors import Refused
from oms.runner import crew, returns_desk, store

log = logging.getLogger(__name__)

REST_SECONDS = 0.25
TROUBLE_SECONDS = 1.0
CUSTOMERS_EVERY_SECONDS = 5.0


class Command(BaseCommand):
    """Works through what is released, at the pace of a day or as fast as it goes."""

    help = "Pick, pack, ship, scan, take back and refund, as people would. For the demo only."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pace", choices=crew.PACES, default="day")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        pace, asked = crew.PACES[options["pace"]], 0.0
        store_url = os.environ.get("SWITCHYARD_STORE_URL", "")
        while not self.stopping:
            try:
                moved = crew.work_floor(pace) + crew.carry(pace) + returns_desk.work(pace.desk)
            except Error as error:
                log.warning("the database does not answer: %s", error)
                connection.close()
                moved = 0
                time.sleep(TROUBLE_SECONDS)
            except Refused as refusal:
                # Two hands on one piece of work: the next look sees how it stands.
                log.info("refused: %s", refusal.sentence)
                moved = 0
            if store_url and time.monotonic() - asked > CUSTOMERS_EVERY_SECONDS:
                asked = time.monotonic()
                _customers_return(store_url)
            if not moved:
                time.sleep(REST_SECONDS)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True


def _customers_return(store_url: str) -> None:
    """Customers of the local store ask for the returns that their real counterparts made."""
    try:
        store.make_returns(store_url)
    except store.StoreAway as error:
        log.warning("the local store does not answer: %s", error)
