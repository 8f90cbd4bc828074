"""What the customer was told, apart from what is expected now."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_promises")]
    operations = [
        migrations.AddField(
            model_name="supplypromise",
            name="told_for",
            field=models.DateField(
                blank=True,
                help_text="The day the customer was told; moves when told again.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="supplypromise",
            name="promised_for",
            field=models.DateField(blank=True, help_text="When they are expected now.", null=True),
        ),
    ]
