"""History: triggers that keep it append-only, TRUNCATE included, and who wrote it."""

import json
import uuid

import pgtrigger

from oms.core.actor import Actor
from oms.core.sql import execute

_REFUSE = "RAISE EXCEPTION '% is append-only: correct it by adding an entry', TG_TABLE_NAME;"


def no_delete() -> pgtrigger.Trigger:
    """For Meta.triggers of a table whose rows others name: a row stays once it is there."""
    return pgtrigger.Trigger(
        name="no_delete",
        operation=pgtrigger.Delete,
        when=pgtrigger.Before,
        func="RAISE EXCEPTION '% is never deleted: others count on it', TG_TABLE_NAME;",
    )


def append_only() -> list[pgtrigger.Trigger]:
    """Triggers for Meta.triggers of a history table: no UPDATE, no DELETE, no TRUNCATE.

    Test databases set `switchyard.allow_truncate` to on, because they are emptied between tests.
    """
    return [
        pgtrigger.Trigger(
            name="append_only",
            operation=pgtrigger.Update | pgtrigger.Delete,
            when=pgtrigger.Before,
            func=_REFUSE,
        ),
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            operation=pgtrigger.Truncate,
            when=pgtrigger.Before,
            func=(
                "IF current_setting('switchyard.allow_truncate', true) IS DISTINCT FROM 'on' THEN "
                + _REFUSE
                + " END IF; RETURN NULL;"
            ),
        ),
    ]


def say_who(actor: Actor) -> None:
    """The rows that pghistory keeps of this transaction carry who did it."""
    who = {"actor": str(actor)} | ({"user": actor.user_id} if actor.user_id else {})
    execute(
        "SELECT set_config('pghistory.context_id', %s, true),"
        " set_config('pghistory.context_metadata', %s, true)",
        [str(uuid.uuid4()), json.dumps(who)],
    )
