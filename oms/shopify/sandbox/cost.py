"""What a document costs and the leaky bucket it is paid from."""

import math
import threading
import time

from graphql import get_named_type, is_abstract_type, is_leaf_type

RESTORE_PER_SECOND = {"standard": 100, "advanced": 200, "plus": 1000, "enterprise": 2000}
SECONDS_OF_RESTORE = 20  # recorded bucket: 2000 points on a 100-a-second store
MOST_PER_QUERY = 1000
MUTATION_COST = 10
COUNT_COST = 10

FREE_TYPES = frozenset(
    [
        "MoneyBag",
        "MoneyV2",
        "MailingAddress",
        "LocationAddress",
        "PageInfo",
        "Attribute",
        "UserError",
    ]
)


def page_factor(count):
    """What a page of n nodes costs, in nodes: fitted to the recorded answers, sub-linear."""
    return max(1, math.floor(2 * math.log(count))) if count else 0


class Pricing:
    """Walks a selection by the schema; with an answer in hand it prices what came back."""

    def __init__(self, schema, fragments, variables):
        self.schema = schema
        self.fragments = fragments
        self.variables = variables

    def requested(self, operation):
        root = self.schema.get_root_type(operation.operation)
        return max(1, self.selection(operation.selection_set, root))

    def actual(self, operation, data):
        root = self.schema.get_root_type(operation.operation)
        return max(1, self.selection(operation.selection_set, root, data or {}, answered=True))

    def selection(self, selection_set, parent, data=None, answered=False):
        points = 0
        branches: dict = {}
        for node in selection_set.selections:
            if node.kind == "field":
                points += self.field(node, parent, data, answered)
                continue
            if node.kind == "fragment_spread":
                node = self.fragments[node.name.value]
            condition = node.type_condition
            narrowed = self.schema.type_map[condition.name.value] if condition else parent
            inner = self.selection(node.selection_set, narrowed, data, answered)
            if is_abstract_type(parent) and not is_abstract_type(narrowed):
                # Only one branch of a union can apply: the dearest is charged.
                branches[narrowed.name] = branches.get(narrowed.name, 0) + inner
            else:
                points += inner
        return points + max(branches.values(), default=0)

    def field(self, node, parent, data, answered):
        name = node.name.value
        if name.startswith("__") or name not in getattr(parent, "fields", {}):
            return 0
        named = get_named_type(parent.fields[name].type)
        value = None
        if answered:
            if not isinstance(data, dict):
                return 0
            value = data.get((node.alias or node.name).value)
        if parent.name == "Mutation":
            return MUTATION_COST + self.payload(node, named, value, answered)
        if is_leaf_type(named):
            return 0
        if named.name == "Count":
            return COUNT_COST if not answered or value is not None else 0
        if answered and value is None:
            return 0
        if named.name.endswith("Connection"):
            return self.connection(node, named, value, answered)
        if node.selection_set is None:
            return 0
        own = 0 if named.name in FREE_TYPES or parent.name == "Job" else 1
        if answered and isinstance(value, list):
            return sum(own + self.selection(node.selection_set, named, row, True) for row in value)
        return own + self.selection(node.selection_set, named, value, answered)

    def payload(self, node, named, value, answered):
        """The objects of a payload are free, what hangs below them is not."""
        points = 0
        for child in self.flat_fields(node.selection_set):
            if child.selection_set is None or child.name.value not in named.fields:
                continue
            inner = get_named_type(named.fields[child.name.value].type)
            below = (value or {}).get((child.alias or child.name).value) if answered else None
            if answered and below is None:
                continue
            for row in below if isinstance(below, list) else [below]:
                points += self.selection(child.selection_set, inner, row, answered)
        return points

    def connection(self, node, named, value, answered):
        """2 and the nodes: asked for, the dearest each could be; answered, what each was."""
        dearest, count = 0, self.page_size(node)  # nodes and edges asked together count twice
        for child in self.flat_fields(node.selection_set):
            name = child.name.value
            if child.selection_set is None or name not in ("nodes", "edges"):
                continue
            below = get_named_type(named.fields[name].type)
            own = 1 if name == "nodes" else 0
            if not answered:
                dearest += own + self.selection(child.selection_set, below)
                continue
            rows = (value or {}).get((child.alias or child.name).value) or []
            count = len(rows)
            prices = [own + self.selection(child.selection_set, below, row, True) for row in rows]
            dearest += max(prices, default=1)
            count = max(count, 1)
        return 2 + page_factor(count) * dearest

    def flat_fields(self, selection_set):
        for node in selection_set.selections:
            if node.kind == "field":
                yield node
            elif node.kind == "fragment_spread":
                yield from self.flat_fields(self.fragments[node.name.value].selection_set)
            else:
                yield from self.flat_fields(node.selection_set)

    def page_size(self, node):
        for argument in node.arguments or ():
            if argument.name.value in ("first", "last"):
                value = argument.value
                if value.kind == "variable":
                    count = self.variables.get(value.name.value)
                elif value.kind == "int_value":
                    count = int(value.value)
                else:
                    continue
                if isinstance(count, int):
                    return max(0, count)
        return 0


class Bucket:
    """A leaky bucket of one app at one store."""

    def __init__(self, plan, clock=time.monotonic):
        self.restore_rate = RESTORE_PER_SECOND[plan]
        self.size = self.restore_rate * SECONDS_OF_RESTORE
        self.level = float(self.size)
        self.clock = clock
        self.seen = clock()
        self.lock = threading.Lock()

    def take(self, points):
        """True when the points were there and are now gone."""
        with self.lock:
            self._refill()
            if points > self.level:
                return False
            self.level -= points
            return True

    def give_back(self, points):
        with self.lock:
            self._refill()
            self.level = min(self.size, self.level + points)

    def drain(self):
        with self.lock:
            self._refill()
            self.level = 0.0

    def status(self):
        with self.lock:
            self._refill()
            return {
                "maximumAvailable": float(self.size),
                "currentlyAvailable": int(self.level),
                "restoreRate": float(self.restore_rate),
            }

    def _refill(self):
        now = self.clock()
        self.level = min(self.size, self.level + (now - self.seen) * self.restore_rate)
        self.seen = now
