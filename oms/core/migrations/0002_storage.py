"""Storage of the hot tables: room for in-page updates, and raw bodies kept without compression."""

from django.db import migrations

FORWARD = """
ALTER TABLE core_inboxmessage ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE core_inboxmessage SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE core_timer SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE core_outboxintent SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
"""
BACKWARD = """
ALTER TABLE core_inboxmessage ALTER COLUMN body SET STORAGE EXTENDED;
ALTER TABLE core_inboxmessage RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER TABLE core_timer RESET (fillfactor, autovacuum_vacuum_scale_factor);
ALTER TABLE core_outboxintent RESET (fillfactor, autovacuum_vacuum_scale_factor);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
