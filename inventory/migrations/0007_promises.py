"""Promises to carts and channels and of bundles. The text of the function is in inventory/sql."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_indexes")]
    operations = [
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS"
            " inventory_reserve(bigint[], bigint[], int[], text[], text);"
            + (SQL / "reserve.sql").read_text()
            + (SQL / "reserve_special.sql").read_text(),
            migrations.RunSQL.noop,
        ),
    ]
