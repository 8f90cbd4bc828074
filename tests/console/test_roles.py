"""Roles: the groups say what the table says, the README too, and no ability is only a word."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password

from oms.console.demo_logins import LOGINS
from oms.console.models import Ability
from oms.console.roles import ROLES, write_roles
from oms.exceptions.kinds import KINDS

README = Path(__file__).parents[2] / "oms" / "console" / "README.md"


def held(role: str) -> set[str]:
    rows = Group.objects.get(name=role).permissions.select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}" for row in rows}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["ops", "support", "finance"])
def test_migrate_writes_each_role_as_the_table_says(role):
    assert held(role) == set(ROLES[role])


@pytest.mark.django_db
def test_admins_hold_every_ability_and_may_change_people_but_delete_nothing():
    abilities = {f"console.{code}" for code, _ in Ability._meta.permissions}
    assert abilities <= held("admin")
    assert "auth.change_user" in held("admin")
    deletes = {name for name in held("admin") if ".delete_" in name}
    assert deletes <= {
        "auth.delete_user",
        "auth.delete_group",
        "routing.delete_policyversion",
        "routing.delete_policystep",
    }


@pytest.mark.django_db
def test_a_role_that_somebody_widened_is_set_back():
    group = Group.objects.get(name="support")
    group.permissions.add(Permission.objects.get(codename="approve_refunds"))
    write_roles()
    assert held("support") == set(ROLES["support"])


@pytest.mark.django_db
def test_every_way_out_asks_for_an_ability_that_exists():
    known = {code for code, _ in Ability._meta.permissions}
    for kind in KINDS.values():
        assert {way.ability for way in kind.ways} <= known


def test_the_readme_shows_the_table_as_it_is():
    text = README.read_text()
    for code, words in Ability._meta.permissions:
        cells = [
            "yes" if f"console.{code}" in ROLES[role] or ROLES[role] == ("*",) else ""
            for role in ("ops", "support", "finance", "admin")
        ]
        row = f"| {words} | `{code}` | {' | '.join(cells)} |"
        assert re.sub(r" +", " ", row) in re.sub(r" +", " ", text), row


def test_there_is_one_demo_login_a_role_with_a_password_that_the_rules_accept():
    assert [role for role, *_ in LOGINS] == list(ROLES)
    for _, _, password, _ in LOGINS:
        validate_password(password)
        assert len(password) >= 12
