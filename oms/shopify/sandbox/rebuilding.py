"""Documents rebuilt from recorded answers, for recordings that name their document but lack it."""

from graphql import get_named_type, is_abstract_type, is_leaf_type, is_required_argument

from oms.shopify.sandbox.mutations import ROOTS_WITH_KEY

PAGE = 50


def rebuilt_document(schema, data, variables):
    """A document of one root that asks exactly for the keys of the answer; None if unclear."""
    if len(data or {}) != 1:
        return None
    ((root, value),) = data.items()
    if root in schema.mutation_type.fields:
        operation, root_type = "mutation", schema.mutation_type
    elif root in schema.query_type.fields:
        operation, root_type = "query", schema.query_type
    else:
        return None
    field = root_type.fields[root]
    given = {name: each for name, each in variables.items() if name in field.args}
    if any(is_required_argument(arg) and name not in given for name, arg in field.args.items()):
        return None
    selection = selected(schema, field.type, value)
    if selection is None:
        return None
    declared = "".join(f"${name}: {field.args[name].type} " for name in given)
    passed = " ".join(f"{name}: ${name}" for name in given)
    key = variables.get("idempotencyKey")
    if key and not isinstance(key, str):
        return None
    if root in ROOTS_WITH_KEY and not key:
        key = "recorded-before-keys"  # older versions asked for none
    directive = f' @idempotent(key: "{key}")' if key else ""
    head = f"{operation} ({declared})" if declared else operation
    arguments = f"({passed})" if passed else ""
    return f"{head} {{ {root}{arguments}{directive} {selection} }}"


def selected(schema, graphql_type, value):
    """The selection that gives a value of this shape: "" for a leaf, None when it is unclear."""
    named = get_named_type(graphql_type)
    if is_leaf_type(named):
        return ""
    rows = [row for row in flat(value) if isinstance(row, dict)]
    if not rows:
        return "{ __typename }"
    if is_abstract_type(named):
        kinds = {row.get("__typename") for row in rows}
        if len(kinds) != 1 or None in kinds:
            return None
        (kind,) = kinds
        inner = selected(schema, schema.type_map[kind], value)
        return inner and f"{{ __typename ... on {kind} {inner} }}"
    keys = list(dict.fromkeys(key for row in rows for key in row))
    parts = []
    for key in keys:
        if key == "__typename":
            parts.append(key)
            continue
        if key not in named.fields:
            return None
        field = named.fields[key]
        values = [row.get(key) for row in rows]
        inner = selected(schema, field.type, values)
        arguments = needed_arguments(field, values)
        if inner is None or arguments is None:
            return None
        parts.append(f"{key}{arguments} {inner}".strip())
    return "{ " + " ".join(parts) + " }"


def needed_arguments(field, values):
    if "first" in field.args and get_named_type(field.type).name.endswith("Connection"):
        return f"(first: {PAGE})"
    required = [name for name, arg in field.args.items() if is_required_argument(arg)]
    if required == ["names"]:
        names = list(dict.fromkeys(row.get("name") for row in flat(values) if row))
        if not names or None in names:
            return None
        quoted = ", ".join(f'"{name}"' for name in names)
        return f"(names: [{quoted}])"
    return None if required else ""


def flat(value):
    if isinstance(value, list):
        return [row for each in value for row in flat(each)]
    return [value]
