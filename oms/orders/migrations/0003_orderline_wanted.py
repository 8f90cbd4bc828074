"""Keep what the shop still wants of a line beside what was ordered."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_storage")]
    operations = [
        migrations.AddField(
            model_name="orderline",
            name="wanted",
            field=models.PositiveIntegerField(
                default=0, help_text="Ordered less what the shop took off since."
            ),
            preserve_default=False,
        ),
    ]
