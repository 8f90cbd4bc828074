"""The shop as the store's own record: names, token, secret."""

from oms.shopify.sandbox.state import now_text


def shop_identity(number, name, domain, salt, currency="USD"):
    return {
        "id": number,
        "name": name,
        "domain": domain,
        "currency": currency,
        "token": f"shpat_{number:032x}",
        "secret": f"shpss_{number + salt:032x}",
        "plan": "Enterprise",
        "app_id": "1354745",
        "app_id_number": 1354745,
        "business_entity": "MTU0ODM4MDAwOQ",
        "timezone": "America/New_York",
        "email": f"owner@{domain.split('.')[0]}.example.com",
        "weight_unit": "KILOGRAMS",
        "created_at": now_text(),
    }
