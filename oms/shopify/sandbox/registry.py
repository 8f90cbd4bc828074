"""The table of what this store can resolve: GraphQL type and field to a Python function."""

from oms.shopify.sandbox.ids import gid_of

# type name -> field name -> resolver(source, info, **arguments)
RESOLVERS: dict = {}
# (type name, field name) of fields that are null, an empty list or an empty page for ever
ALWAYS_EMPTY: set = set()


def field(type_name, *names):
    """Registers the function below as resolver of these fields."""

    def register(function):
        for name in names:
            RESOLVERS.setdefault(type_name, {})[name] = function
        return function

    return register


def keys(type_name, **stored):
    """GraphQL field = stored key, for objects kept as they are shown."""
    for name, key in stored.items():
        RESOLVERS.setdefault(type_name, {})[name] = _getter(key)


def plain(type_name, names):
    """A value type whose dicts already carry GraphQL names."""
    for name in names.split():
        RESOLVERS.setdefault(type_name, {})[name] = _getter(name)


def absent(type_name, names, value=None):
    """Fields that are truly empty in this store: it has no such feature switched on."""
    for name in names.split():

        def resolve(source, info, **_):
            return value() if callable(value) else value

        # Nothing below an empty field is ever asked for, so it need not be modelled.
        if value is None or callable(value):
            ALWAYS_EMPTY.add((type_name, name))
        RESOLVERS.setdefault(type_name, {})[name] = resolve


def empty_page():
    """A connection with nothing in it."""
    page_info = {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }
    return {"edges": [], "nodes": [], "pageInfo": page_info}


def node(type_name, legacy=False):
    """The id of a stored object, and its bare number where Shopify offers it."""
    RESOLVERS.setdefault(type_name, {})["id"] = lambda source, info: gid_of(source)
    if legacy:
        RESOLVERS[type_name]["legacyResourceId"] = lambda source, info: str(source["id"])


def is_always_empty(type_name, field_name):
    return (type_name, field_name) in ALWAYS_EMPTY


def models(type_name):
    """True when objects of this type exist in the store."""
    return type_name in RESOLVERS


def knows(type_name, field_name):
    """True when the store can answer this field."""
    if field_name.startswith("__") or type_name.startswith("__"):
        return True
    if field_name in RESOLVERS.get(type_name, ()):
        return True
    if type_name.endswith("Connection"):
        return field_name in ("edges", "nodes", "pageInfo")
    if type_name.endswith("Edge"):
        return field_name in ("node", "cursor")
    return known_by_name(type_name)


def known_by_name(type_name):
    """A payload is filled whole by its mutation, so it is known when the mutation is."""
    return type_name.endswith(("Payload", "UserError", "UserErrors", "CancelError"))


def _getter(key):
    return lambda source, info, **_: source[key]
