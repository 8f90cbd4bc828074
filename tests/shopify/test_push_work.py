"""Work and shipments are told to Shopify once, whatever becomes of the answers."""

from tests.shopify.live import Live, states


def test_an_order_goes_all_the_way_through_both_sides(live: Live):
    order = live.bring_in(live.place(mug=2, shirt=1))
    assert order.lines.count() == 2
    assert order.transactions.get().status == "success"

    (work,) = live.route(order)
    live.push_all()
    assert live.places(order) == {work.location.name: {"mug": 2, "shirt": 1}}
    work.refresh_from_db()
    assert work.remote_id
    assert work.remote_assigned_at

    shipment = live.ship(work, tracking="1Z42")
    live.push_all()
    (fulfillment,) = live.remote(order)["fulfillments"]
    assert fulfillment["trackingInfo"] == [{"number": "1Z42", "company": "UPS"}]
    shipment.refresh_from_db()
    assert fulfillment["id"].endswith(f"/{shipment.remote_id}")
    assert states()["fulfillment.create"] == "applied"
