"""One GraphQL request from body to answer: judge, price, run, shape."""

import logging
import uuid
from dataclasses import dataclass, field

from graphql import execute_sync

from oms.shopify.sandbox.cost import MOST_PER_QUERY, Bucket, Pricing
from oms.shopify.sandbox.documents import DocumentCache
from oms.shopify.sandbox.errors import UnknownToSandbox
from oms.shopify.sandbox.faults import Faults
from oms.shopify.sandbox.idempotency import Keys
from oms.shopify.sandbox.schema import admin_schema
from oms.shopify.sandbox.variables import oversized_array, variable_errors

log = logging.getLogger(__name__)


@dataclass
class Context:
    """What a resolver may touch."""

    store: object
    keys: Keys
    events: object
    faults: Faults
    search_notes: list = field(default_factory=list)


class Engine:
    """Answers GraphQL requests against one store."""

    def __init__(self, store, events, plan="enterprise", faults=None):
        self.schema = admin_schema()
        self.store = store
        self.events = events
        self.keys = Keys(store)
        self.documents = DocumentCache(self.schema)
        self.faults = faults or Faults()
        self.bucket = Bucket(plan)

    def context(self):
        return Context(self.store, self.keys, self.events, self.faults)

    def answer(self, request):
        """The JSON answer to a parsed request body. Always HTTP 200, as at Shopify."""
        text = request.get("query")
        if not isinstance(text, str) or not text.strip():
            return {"errors": {"query": "Required parameter missing or invalid"}}
        variables = request.get("variables") or {}
        document = self.documents.get(text)
        if document.errors:
            return {"errors": document.errors}
        operation = document.operation(request.get("operationName"))
        if operation is None:
            return {"errors": [{"message": "An operation name is required"}]}
        if errors := variable_errors(self.schema, operation, variables):
            return {"errors": errors}
        if document.unknown:
            return {"errors": [UnknownToSandbox(name).formatted for name in document.unknown]}
        if errors := self.input_errors(operation, variables):
            return {"errors": errors, "data": {root_key(operation): None}}

        pricing = Pricing(self.schema, document.fragments, variables)
        requested = pricing.requested(operation)
        if requested > MOST_PER_QUERY and operation.operation.value == "query":
            return self.too_dear(requested)
        if not self.bucket.take(requested):
            return self.throttled(requested)
        return self.run(document, operation, variables, pricing, requested)

    def run(self, document, operation, variables, pricing, requested):
        context = self.context()
        arguments = {
            "document": document.ast,
            "context_value": context,
            "variable_values": variables,
            "operation_name": operation.name.value if operation.name else None,
            "field_resolver": strict_resolver,
            "type_resolver": type_of,
        }
        if operation.operation.value == "mutation":
            # No lock around a mutation: a second request with its key must find it running.
            result = execute_sync(self.schema, **arguments)
        else:
            with self.store.lock:
                result = execute_sync(self.schema, **arguments)
        answer: dict = {}
        if result.errors:
            answer["errors"] = [shown_error(error) for error in result.errors]
        answer["data"] = result.data
        actual = min(requested, pricing.actual(operation, result.data))
        self.bucket.give_back(requested - actual)
        answer["extensions"] = self.cost(requested, actual)
        if context.search_notes:
            answer["extensions"]["search"] = context.search_notes
        return answer

    def cost(self, requested, actual):
        return {
            "cost": {
                "requestedQueryCost": requested,
                "actualQueryCost": actual,
                "throttleStatus": self.bucket.status(),
            }
        }

    def throttled(self, requested=0):
        """Out of points: HTTP 200, no data."""
        return {
            "errors": [
                {
                    "message": "Throttled",
                    "extensions": {
                        "code": "THROTTLED",
                        "documentation": "https://shopify.dev/api/usage/rate-limits",
                    },
                }
            ],
            "extensions": self.cost(requested, None),
        }

    def too_dear(self, requested):
        return {
            "errors": [
                {
                    "message": f"Query cost is {requested}, which exceeds the single query max "
                    f"cost limit ({MOST_PER_QUERY}).",
                    "extensions": {
                        "code": "MAX_COST_EXCEEDED",
                        "cost": requested,
                        "maxCost": MOST_PER_QUERY,
                        "documentation": "https://shopify.dev/api/usage/rate-limits",
                    },
                }
            ]
        }

    def input_errors(self, operation, variables):
        """Arrays above 250, judged on the variables before anything runs."""
        found = oversized_array(variables, [])
        if found is None:
            return []
        size, path = found
        node = operation.selection_set.selections[0]
        start = node.loc.start_token
        return [
            {
                "message": f"The input array size of {size} is greater than the maximum "
                "allowed of 250.",
                "locations": [{"line": start.line, "column": start.column}],
                "path": [root_key(operation), *path],
                "extensions": {"code": "MAX_INPUT_SIZE_EXCEEDED"},
            }
        ]


def shown_error(error):
    """A refusal as it is; a fault of this store as Shopify shows its own, traced in our log."""
    shown = error.formatted
    if "code" not in (error.extensions or {}):
        log.error("resolver failed at %s", error.path, exc_info=error.original_error)
        shown["extensions"] = {"code": "INTERNAL_SERVER_ERROR", "requestId": str(uuid.uuid4())}
    return shown


def root_key(operation):
    node = operation.selection_set.selections[0]
    return (node.alias or node.name).value if node.kind == "field" else node.name.value


def strict_resolver(source, info, **arguments):
    """For dicts already in GraphQL's shape; a missing key is a gap, never a null."""
    if isinstance(source, dict) and info.field_name in source and "kind" not in source:
        return source[info.field_name]
    raise UnknownToSandbox(f"{info.parent_type.name}.{info.field_name}")


def type_of(value, info, abstract_type):
    """The concrete type of a stored object or of a value that names it."""
    return value.get("kind") or value["__typename"]
