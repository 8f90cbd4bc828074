"""Triggers that keep history append-only, TRUNCATE included, and rows that others name."""

import pgtrigger

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
