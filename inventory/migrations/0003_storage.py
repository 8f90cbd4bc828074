"""Stock levels are updated in place all day: leave room in each page."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE inventory_stocklevel SET (fillfactor = 50);"
            "ALTER TABLE inventory_reservation SET (fillfactor = 70);",
            "ALTER TABLE inventory_stocklevel RESET (fillfactor);"
            "ALTER TABLE inventory_reservation RESET (fillfactor);",
        )
    ]
