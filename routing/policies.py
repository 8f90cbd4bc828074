"""Policies are edited in versions: draft, active, retired. One version of a policy is active."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from oms.core.actor import Actor
from oms.core.errors import Refused
from routing.models import Policy, PolicyStep, PolicyVersion
from routing.planner import Step
from routing.steps import DEFAULT_STEPS, STEPS

OBJECTIVE = ("fewest_parcels", "nearest")


@transaction.atomic
def draft(*, policy_id: int, steps: Sequence[Step], actor: Actor) -> PolicyVersion:
    """Write a new draft version. The two steps of the objective stand at the end, always."""
    policy = Policy.objects.select_for_update().get(pk=policy_id)

    codes = [code for code, _ in steps]
    if unknown := [code for code in codes if code not in STEPS]:
        raise Refused(f"There is no step called {unknown[0]}.")
    if tuple(codes[-2:]) != OBJECTIVE or "has_stock" not in codes:
        raise Refused("A policy needs the stock filter, and ends with fewest parcels and nearest.")

    last = policy.versions.order_by("-number").first()
    version = PolicyVersion.objects.create(
        policy=policy, number=last.number + 1 if last else 1, author_id=actor.user_id
    )
    PolicyStep.objects.bulk_create(
        PolicyStep(version=version, position=position, code=code, params=params)
        for position, (code, params) in enumerate(steps, start=1)
    )
    return version


@transaction.atomic
def activate(*, version_id: int, actor: Actor) -> PolicyVersion:
    """Make a draft the version that decides from now on; the active one retires."""
    version = PolicyVersion.objects.select_related("policy").get(pk=version_id)
    Policy.objects.select_for_update().get(pk=version.policy_id)
    version.refresh_from_db()

    if version.state == PolicyVersion.State.ACTIVE:
        return version
    if version.state == PolicyVersion.State.RETIRED:
        raise Refused("A retired version stays as it was; make a new draft from it.")

    version.policy.versions.filter(state=PolicyVersion.State.ACTIVE).update(
        state=PolicyVersion.State.RETIRED
    )
    version.state = PolicyVersion.State.ACTIVE
    version.activated_at = timezone.now()
    version.save(update_fields=["state", "activated_at"])
    return version


@transaction.atomic
def ensure_default(*, store_id: int, actor: Actor) -> Policy:
    """Give a new store the standard policy. A store that has one keeps it."""
    policy, made = Policy.objects.get_or_create(store_id=store_id, name="Standard")
    if made:
        version = draft(
            policy_id=policy.pk, steps=[(code, {}) for code in DEFAULT_STEPS], actor=actor
        )
        activate(version_id=version.pk, actor=actor)
    return policy
