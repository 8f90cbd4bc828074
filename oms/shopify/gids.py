"""Shopify's global ids: gid://shopify/Order/1 and back to the number that webhooks use."""


def gid(kind: str, number: int) -> str:
    """The global id of a thing."""
    return f"gid://shopify/{kind}/{number}"


def number_of(value: str) -> int:
    """The number in a global id, whatever stands behind a question mark."""
    return int(value.rpartition("/")[2].partition("?")[0])
