"""What tests of the Shopify room share."""

import pytest
from django.db import connection


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Let the test database be emptied: tests with real transactions end with a TRUNCATE."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            name = connection.ops.quote_name(connection.settings_dict["NAME"])
            cursor.execute(f"ALTER DATABASE {name} SET switchyard.allow_truncate = 'on'")
        connection.close()


@pytest.fixture
def live(db, tmp_path):
    """A connected local store with the cast of the tests in it."""
    from tests.shopify.live import live_store

    with live_store(tmp_path / "store") as store:
        yield store
