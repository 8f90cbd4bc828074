"""What a role may do in the console, as permissions that no single model owns."""

from django.db import models


class Ability(models.Model):
    """Never a row: only a place to hang the permissions on. See oms/console/roles.py."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name_plural = "abilities"
        permissions = [
            ("work_exceptions", "Claim, hand over, snooze and annotate exceptions"),
            ("hold_orders", "Put an order on hold and release it"),
            ("route_orders", "Route again and send work to another place"),
            ("work_floor", "Release, pick, pack and ship"),
            ("adjust_stock", "Correct stock"),
            ("count_stock", "Count stock"),
            ("approve_counts", "Approve a count that differs"),
            ("receive_stock", "Order, receive and transfer stock"),
            ("load_feeds", "Load a stock file"),
            ("approve_feeds", "Approve a stock file that was held"),
            ("edit_stock_rules", "Set safety, thresholds, fences and who is believed"),
            ("repair_drift", "Repair a difference to Shopify"),
            ("map_items", "Say which item a line means"),
            ("manage_returns", "Open, approve, decline and close returns"),
            ("inspect_returns", "Receive and inspect returned goods"),
            ("see_refunds", "See refunds and whether they add up"),
            ("propose_refunds", "Propose a refund"),
            ("approve_refunds", "Approve a refund"),
            ("retry_writes", "Send a refused write-back again"),
            ("see_platform", "See streams, messages and write-backs"),
            ("see_jobs", "See and restart background jobs"),
        ]

    def __str__(self) -> str:
        return "ability"
