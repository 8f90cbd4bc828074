"""Order, line, customer and hold. An order has no status of its own: it is read off its lines."""

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Now, Reverse, Right, Upper

from oms.catalog.models import Item
from oms.core.history import no_delete
from oms.core.models import Store

BUCKETS = ("open", "reserved", "backordered", "released", "shipped", "cancelled", "returned")
# The last nine digits of a phone number are the same with +44, 0044 or 0 in front.
PHONE_DIGITS = 9


def phone_digits(field: str = "phone") -> Right:
    """What a phone number is found by, as an expression over its column."""
    digits = Func(F(field), Value(r"\D"), Value(""), Value("g"), function="regexp_replace")
    return Right(digits, PHONE_DIGITS)


class Customer(models.Model):
    """The person who ordered, as the shop knows them. Personal data stays here and on Order."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    remote_id = models.BigIntegerField()
    name = models.TextField(blank=True, default="")
    email = models.TextField(blank=True, default="")
    phone = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "remote_id"], name="customer_remote_once"),
        ]
        indexes = [
            models.Index(phone_digits(), name="customer_phone", condition=~Q(phone="")),
        ]

    def __str__(self) -> str:
        return self.name or self.email or str(self.remote_id)


class Order(models.Model):
    """What a customer asked for, in the newest version the shop has told us."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    remote_id = models.BigIntegerField(help_text="The number in gid://shopify/Order/….")
    name = models.CharField(max_length=64, help_text="What people call it, e.g. #1001.")
    remote_updated_at = models.DateTimeField(help_text="Version: an older snapshot never wins.")
    placed_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    channel = models.CharField(max_length=64, blank=True, default="")
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, blank=True, db_constraint=False, related_name="orders"
    )
    email = models.TextField(blank=True, default="")
    phone = models.TextField(blank=True, default="")
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=18, decimal_places=4)
    ship_name = models.TextField(blank=True, default="")
    ship_company = models.TextField(blank=True, default="")
    ship_address1 = models.TextField(blank=True, default="")
    ship_address2 = models.TextField(blank=True, default="")
    ship_city = models.TextField(blank=True, default="")
    ship_province = models.CharField(max_length=64, blank=True, default="")
    ship_postal_code = models.CharField(max_length=32, blank=True, default="")
    ship_country = models.CharField(max_length=2, blank=True, default="")
    ship_latitude = models.FloatField(null=True, blank=True)
    ship_longitude = models.FloatField(null=True, blank=True)
    shipping_method = models.TextField(blank=True, default="")
    tags = ArrayField(models.TextField(), default=list, blank=True)
    note = models.TextField(blank=True, default="")
    priority = models.PositiveSmallIntegerField(
        db_default=50, help_text="Lower goes first: who gets the last unit, whose turn is next."
    )
    cart = models.TextField(
        db_default="", blank=True, help_text="The cart or draft it came from, e.g. cart:abc."
    )
    test = models.BooleanField(default=False)
    inbox_id = models.BigIntegerField(null=True, blank=True, help_text="The message it came from.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    routed_at = models.DateTimeField(null=True, blank=True, help_text="First routing decision.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "remote_id"], name="order_remote_once"),
        ]
        indexes = [
            models.Index(fields=["store", "-placed_at", "-id"], name="order_newest"),
            # Find: either end of a number, an exact e-mail, a phone, any part of a name.
            models.Index(OpClass("name", "text_pattern_ops"), name="order_name_prefix"),
            models.Index(OpClass(Reverse("name"), "text_pattern_ops"), name="order_name_suffix"),
            models.Index(phone_digits(), name="order_phone", condition=~Q(phone="")),
            models.Index(Lower("email"), name="order_email"),
            GinIndex(OpClass(Upper("ship_name"), "gin_trgm_ops"), name="order_ship_name_trgm"),
            # Exceptions: goods that left although the order is cancelled.
            models.Index(
                fields=["store"], name="order_cancelled", condition=Q(cancelled_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OrderLine(models.Model):
    """A line and where each of its units is: every unit is in exactly one bucket, always."""

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", db_index=False)
    remote_id = models.BigIntegerField()
    position = models.PositiveSmallIntegerField()
    item = models.ForeignKey(
        Item, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: unmapped."
    )
    sku = models.TextField(blank=True, default="")
    title = models.TextField(blank=True, default="")
    remote_variant_id = models.BigIntegerField(null=True, blank=True)
    ships = models.BooleanField(default=True, help_text="False: gift card, service, digital.")
    unit_price = models.DecimalField(max_digits=18, decimal_places=4)
    discount = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    tax = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    ordered = models.PositiveIntegerField()
    wanted = models.PositiveIntegerField(help_text="Ordered less what the shop took off since.")
    open = models.PositiveIntegerField()
    reserved = models.PositiveIntegerField(db_default=0)
    backordered = models.PositiveIntegerField(db_default=0)
    released = models.PositiveIntegerField(db_default=0)
    shipped = models.PositiveIntegerField(db_default=0)
    cancelled = models.PositiveIntegerField(db_default=0)
    returned = models.PositiveIntegerField(db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "remote_id"], name="line_remote_once"),
            models.CheckConstraint(
                name="line_buckets_add_up",
                condition=Q(
                    ordered=F("open")
                    + F("reserved")
                    + F("backordered")
                    + F("released")
                    + F("shipped")
                    + F("cancelled")
                    + F("returned")
                ),
            ),
        ]
        indexes = [
            # Who waits for an item. `open` stands in no condition: nearly every line leaves it
            # soon, and that update shall stay within its page.
            models.Index(
                fields=["item"],
                name="line_waiting_for_item",
                condition=Q(backordered__gt=0),
            ),
            # Exceptions: nobody knows what the line is.
            models.Index(
                fields=["order"],
                name="line_unknown_item",
                condition=Q(item__isnull=True, ships=True),
            ),
        ]
        triggers = [no_delete()]

    def __str__(self) -> str:
        return f"{self.ordered} x {self.sku or self.title}"


@pghistory.track()
class Hold(models.Model):
    """A reason not to route an order, set by somebody and released by somebody, each alone."""

    class Kind(models.TextChoices):
        MANUAL = "manual", "Set by a person"
        ADDRESS = "address", "Address cannot be used"
        RISK = "risk", "Risk to look at"
        PAYMENT = "payment", "Waits for payment"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+")
    order = models.ForeignKey(Order, models.PROTECT, related_name="holds")
    kind = models.CharField(max_length=16, choices=Kind)
    reason = models.TextField()
    placed_by = models.TextField()
    placed_at = models.DateTimeField(db_default=Now())
    released_by = models.TextField(blank=True, default="")
    released_at = models.DateTimeField(null=True, blank=True)
    released_by_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "kind"],
                name="hold_one_open_per_kind",
                condition=Q(released_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"
