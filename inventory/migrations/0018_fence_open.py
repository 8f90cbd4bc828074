import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_indexes"),
        ("inventory", "0017_feed_again"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ringfence",
            name="store",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="core.store",
            ),
        ),
        migrations.AddIndex(
            model_name="ringfence",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["store", "channel"],
                name="fence_open",
            ),
        ),
    ]
