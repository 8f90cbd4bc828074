from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0016_told")]
    operations = [
        migrations.RemoveConstraint(model_name="stockfeed", name="feed_once"),
        migrations.AddConstraint(
            model_name="stockfeed",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "refused"), _negated=True),
                fields=("store", "source", "digest", "source_time"),
                name="feed_once",
            ),
        ),
    ]
