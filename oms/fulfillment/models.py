"""Work at a location: fulfillment order, shipment, parcel and what the carrier said."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from inventory.models import Location, Reservation
from oms.core.history import append_only
from oms.core.models import Store
from oms.orders.models import Order, OrderLine


class FulfillmentOrder(models.Model):
    """The part of an order that one location ships."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned, may still change"
        RELEASED = "released", "Released to the floor"
        PICKING = "picking", "Being picked"
        PACKED = "packed", "Packed"
        SHIPPED = "shipped", "Shipped"
        CANCELLED = "cancelled", "Cancelled"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(
        Order, models.PROTECT, related_name="fulfillment_orders", db_index=False
    )
    location = models.ForeignKey(Location, models.PROTECT, related_name="+")
    code = models.CharField(max_length=32, help_text="What the floor calls it, e.g. LDS-7719.")
    state = models.CharField(max_length=10, choices=State, db_default=State.PLANNED)
    decision_id = models.BigIntegerField(null=True, blank=True)
    remote_id = models.BigIntegerField(
        null=True, blank=True, help_text="Newest Shopify fulfillment order; moves change it."
    )
    remote_assigned_at = models.DateTimeField(
        null=True, blank=True, help_text="When Shopify last agreed that it is at this location."
    )
    created_at = models.DateTimeField(db_default=Now())
    released_at = models.DateTimeField(null=True, blank=True)
    picking_at = models.DateTimeField(null=True, blank=True)
    packed_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "code"], name="fulfillment_order_code_once"),
        ]
        indexes = [
            models.Index(fields=["order"], name="fulfillment_order_order"),
            # Find: Shopify's id of the work.
            models.Index(
                fields=["remote_id"],
                name="fulfillment_order_remote",
                condition=Q(remote_id__isnull=False),
            ),
            # The floor's list: what a location has to do now.
            models.Index(
                fields=["location", "state", "id"],
                name="fulfillment_order_work",
                condition=Q(state__in=["planned", "released", "picking", "packed"]),
            ),
            # Exceptions: work that was released long ago and has not left.
            models.Index(
                fields=["released_at"],
                name="work_on_the_floor",
                condition=Q(state__in=["released", "picking", "packed"]),
            ),
        ]

    def __str__(self) -> str:
        return self.code


class FulfillmentOrderLine(models.Model):
    """Units of one order line in one piece of work, each backed by a reservation."""

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    fulfillment_order = models.ForeignKey(
        FulfillmentOrder, models.PROTECT, related_name="lines", db_index=False
    )
    line = models.ForeignKey(
        OrderLine,
        models.PROTECT,
        db_constraint=False,
        related_name="fulfillment_lines",
        db_index=False,
    )
    reservation = models.OneToOneField(Reservation, models.PROTECT, related_name="work")
    quantity = models.PositiveIntegerField(help_text="Units still asked for.")
    picked = models.PositiveIntegerField(db_default=0)
    shipped = models.PositiveIntegerField(db_default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="work_picked_within_asked", condition=Q(picked__lte=F("quantity"))
            ),
            models.CheckConstraint(
                name="work_shipped_within_asked", condition=Q(shipped__lte=F("quantity"))
            ),
        ]
        indexes = [
            models.Index(fields=["fulfillment_order"], name="work_line_order"),
            models.Index(fields=["line"], name="work_line_line"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.line_id}"


class Shipment(models.Model):
    """One hand-over to a carrier: what left a location together, told to Shopify once."""

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    fulfillment_order = models.ForeignKey(
        FulfillmentOrder, models.PROTECT, related_name="shipments", db_index=False
    )
    remote_id = models.BigIntegerField(null=True, blank=True)
    shipped_at = models.DateTimeField(db_default=Now())
    shipped_by = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["fulfillment_order"], name="shipment_work")]

    def __str__(self) -> str:
        return f"shipment {self.pk}"


class Parcel(models.Model):
    """One box with one tracking number. A label made is not a parcel on the road."""

    class State(models.TextChoices):
        LABELLED = "labelled", "Label made"
        IN_TRANSIT = "in_transit", "On the road"
        OUT_FOR_DELIVERY = "out_for_delivery", "Out for delivery"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Delivery failed"
        RETURNING = "returning", "Coming back"

    store = models.ForeignKey(Store, models.PROTECT, related_name="+", db_index=False)
    shipment = models.ForeignKey(Shipment, models.PROTECT, related_name="parcels", db_index=False)
    carrier = models.CharField(max_length=64)
    tracking_number = models.CharField(max_length=64)
    tracking_url = models.TextField(blank=True, default="")
    state = models.CharField(max_length=16, choices=State, db_default=State.LABELLED)
    last_scan_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store", "carrier", "tracking_number"], name="parcel_tracking_once"
            ),
        ]
        indexes = [
            models.Index(fields=["shipment"], name="parcel_shipment"),
            # Find: a tracking number alone, whoever carries it.
            models.Index(fields=["tracking_number"], name="parcel_tracking"),
            # Silent parcels: on the road and not heard of.
            models.Index(
                fields=["last_scan_at"],
                name="parcel_on_the_road",
                condition=Q(state__in=["labelled", "in_transit", "out_for_delivery"]),
            ),
            # Today: what arrived since midnight.
            models.Index(
                fields=["store", "delivered_at"],
                name="parcel_arrived",
                condition=Q(delivered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.tracking_number


class ParcelLine(models.Model):
    """Units of one work line in one parcel."""

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    parcel = models.ForeignKey(Parcel, models.PROTECT, related_name="lines", db_index=False)
    work_line = models.ForeignKey(
        FulfillmentOrderLine,
        models.PROTECT,
        db_constraint=False,
        related_name="parcel_lines",
        db_index=False,
    )
    quantity = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="parcel_line_not_empty", condition=Q(quantity__gt=0)),
            models.UniqueConstraint(fields=["parcel", "work_line"], name="parcel_line_once"),
        ]
        indexes = [models.Index(fields=["work_line"], name="parcel_line_work")]

    def __str__(self) -> str:
        return f"{self.quantity} in parcel {self.parcel_id}"


class ParcelEvent(models.Model):
    """A scan or message of the carrier, kept as it came."""

    store = models.ForeignKey(
        Store, models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    parcel = models.ForeignKey(Parcel, models.PROTECT, related_name="events", db_index=False)
    at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=Parcel.State)
    place = models.TextField(blank=True, default="")
    message = models.TextField(blank=True, default="")
    remote_id = models.TextField(
        help_text="The carrier's own id of the event, so that a repeat is quiet."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parcel", "remote_id"], name="parcel_event_once"),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.state} {self.at}"
