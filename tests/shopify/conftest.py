"""What tests of the Shopify room share."""

import pytest


@pytest.fixture
def live(db, tmp_path):
    """A connected local store with the cast of the tests in it."""
    from tests.shopify.live import live_store

    with live_store(tmp_path / "store") as store:
        yield store
