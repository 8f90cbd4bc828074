"""How a mutation runs: key, one durable step, user errors instead of exceptions."""

from functools import wraps

from graphql import get_named_type

from oms.shopify.sandbox import idempotency
from oms.shopify.sandbox.errors import UserErrors, user_error
from oms.shopify.sandbox.registry import RESOLVERS

ROOTS_WITH_KEY = frozenset(
    [
        "refundCreate",
        "inventoryActivate",
        "inventoryAdjustQuantities",
        "inventoryMoveQuantities",
        "inventorySetQuantities",
    ]
)


def mutation(root):
    """Registers `function(context, **arguments) -> payload` as a mutation root."""

    def register(function):
        @wraps(function)
        def resolve(source, info, **arguments):
            payload_type = get_named_type(info.return_type)
            blank = dict.fromkeys(payload_type.fields)
            error_field = next(
                name
                for name in ("orderCancelUserErrors", "userErrors")
                if name in payload_type.fields
            )
            blank["userErrors"] = []
            blank[error_field] = []
            payload = run(info, root, function, arguments, error_field)
            return blank | payload

        RESOLVERS.setdefault("Mutation", {})[root] = resolve
        return function

    return register


def run(info, root, function, arguments, error_field):
    context = info.context
    if root not in ROOTS_WITH_KEY:
        return attempt(context, function, arguments, error_field)
    key = idempotency.require_key(info)
    keys = context.keys

    def refused(code, message):
        return {error_field: [user_error(None, message, code)]}

    if not keys.begin(root, key):
        return refused("IDEMPOTENCY_CONCURRENT_REQUEST", idempotency.CONCURRENT)
    try:
        parameters = idempotency.fingerprint(arguments)
        record = keys.find(root, key)
        if record and record["parameters"] != parameters:
            return refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", idempotency.MISMATCH)
        if record and record["failed"]:
            return refused("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", idempotency.FAILED_BEFORE)
        if record:
            return keys.replay(record)

        def with_record(context, **arguments):
            payload = function(context, **arguments)
            keys.remember(root, key, parameters, payload, failed=False)
            return payload

        payload = attempt(context, with_record, arguments, error_field)
        if payload.get(error_field):
            with context.store.transaction():
                keys.remember(root, key, parameters, None, failed=True)
        return payload
    finally:
        keys.end(root, key)


def attempt(context, function, arguments, error_field):
    """One transaction; user errors roll it back and become the payload."""
    try:
        with context.store.transaction():
            return function(context, **arguments)
    except UserErrors as refusal:
        return {**refusal.payload, error_field: refusal.errors}
