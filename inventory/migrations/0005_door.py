"""The functions through which counters change. Their text is in inventory/sql."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_stock")]
    operations = [
        migrations.RunSQL(
            (SQL / "post.sql").read_text(),
            "DROP FUNCTION inventory_post(bigint[], text[], int[], text[], text[], text)",
        ),
        migrations.RunSQL(
            (SQL / "reserve.sql").read_text(),
            "DROP FUNCTION inventory_reserve",
        ),
    ]
