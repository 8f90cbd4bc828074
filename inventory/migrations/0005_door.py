"""The functions through which counters change; their text is in inventory/sql."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql"


def functions(*names: str) -> str:
    return "".join((SQL / f"{name}.sql").read_text() for name in names)


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_stock")]
    operations = [
        migrations.RunSQL(
            functions("post", "reserve", "reserve_special"),
            "DROP FUNCTION inventory_reserve_special(bigint[], bigint[], int[], text[], text, jsonb);"
            "DROP FUNCTION inventory_reserve(bigint[], bigint[], int[], text[], text);"
            "DROP FUNCTION inventory_post(bigint[], text[], int[], text[], text[], text)",
        ),
        # Marks are moved in place with every feed: leave room in each page.
        migrations.RunSQL(
            "ALTER TABLE inventory_feedmark SET (fillfactor = 70)",
            "ALTER TABLE inventory_feedmark RESET (fillfactor)",
        ),
    ]
