"""`manage.py seed_demo`: people, and the local store with its goods, so that the demo can begin."""

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError

from oms.console.demo_logins import LOGINS
from oms.console.roles import write_roles
from oms.core.actor import SWITCHYARD
from oms.runner import supplies
from oms.shopify.seed import connect_local_store
from routing import policies


class Command(BaseCommand):
    """Safe to run at every start: what is there stays, and addresses follow the ports."""

    help = "Make the demo's people and connect the local store named by SWITCHYARD_STORE_URL."

    def handle(self, *args: Any, **options: Any) -> None:
        store_url = os.environ.get("SWITCHYARD_STORE_URL")
        web_url = os.environ.get("SWITCHYARD_WEB_URL")
        if not store_url or not web_url:
            raise CommandError("Set SWITCHYARD_STORE_URL and SWITCHYARD_WEB_URL, as the demo does.")
        write_roles()
        for role, username, password, name in LOGINS:
            _person(role, username, password, name)
        connected = connect_local_store(
            url=store_url, webhook_address=web_url, progress=self.stderr.write
        )
        policies.ensure_default(store_id=connected.store.pk, actor=SWITCHYARD)
        supplies.order_some(connected.store.pk)


def _person(role: str, username: str, password: str, name: str) -> None:
    first, _, last = name.partition(" ")
    user, made = get_user_model().objects.get_or_create(
        username=username,
        defaults={
            "first_name": first,
            "last_name": last,
            "is_staff": True,
            "is_superuser": role == "admin",
        },
    )
    if made:
        user.set_password(password)
        user.save(update_fields=["password"])
    user.groups.set([Group.objects.get(name=role)])
