"""Who does something: a person, a job, a partner or Shopify. Every command takes one."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is user, job, shopify, carrier or partner; `name` is what the timeline shows."""

    kind: str
    name: str
    user_id: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


SHOPIFY = Actor("shopify", "Shopify")
ROUTING = Actor("job", "Switchyard, routing")
SWITCHYARD = Actor("job", "Switchyard")


def of_user(user: Any) -> Actor:
    """The actor behind a signed-in user: full name when there is one, else the login name."""
    return Actor("user", user.get_full_name() or user.get_username(), user.pk)
