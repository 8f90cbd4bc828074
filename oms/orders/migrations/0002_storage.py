"""A line moves its units between buckets several times: leave room in each page."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE orders_orderline SET (fillfactor = 60);"
            "ALTER TABLE orders_order SET (fillfactor = 80);",
            "ALTER TABLE orders_orderline RESET (fillfactor);"
            "ALTER TABLE orders_order RESET (fillfactor);",
        )
    ]
