"""Documents parsed, validated and judged once, with errors in the words of Shopify's server."""

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    SKIP,
    GraphQLObjectType,
    GraphQLSyntaxError,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_abstract_type,
    parse,
    print_ast,
    specified_rules,
    validate,
    visit,
)
from graphql.validation import OverlappingFieldsCanBeMergedRule

from oms.shopify.sandbox.registry import is_always_empty, known_by_name, knows, models

CACHE_SIZE = 512
RULES = tuple(rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule)


@dataclass
class Document:
    ast: object = None
    errors: list = field(default_factory=list)
    unknown: list = field(default_factory=list)
    operations: dict = field(default_factory=dict)
    fragments: dict = field(default_factory=dict)

    def operation(self, name):
        """The named operation, or the only one."""
        if name:
            return self.operations.get(name)
        return next(iter(self.operations.values())) if len(self.operations) == 1 else None


class DocumentCache:
    """Documents by their text, the least recently used thrown out."""

    def __init__(self, schema):
        self.schema = schema
        self.known = OrderedDict()

    def get(self, text):
        document = self.known.get(text)
        if document is None:
            document = self.known[text] = prepare(self.schema, text)
            if len(self.known) > CACHE_SIZE:
                self.known.popitem(last=False)
        else:
            self.known.move_to_end(text)
        return document


def prepare(schema, text):
    """Parses and validates; refuses what the store cannot answer before anything runs."""
    try:
        ast = parse(text)
    except GraphQLSyntaxError as error:
        message = f"syntax error, {error.message.removeprefix('Syntax Error: ')}"
        located: dict = {"message": message, "extensions": {"code": "PARSE_ERROR"}}
        if error.locations:
            located["locations"] = [location.formatted for location in error.locations]
        return Document(errors=[located])
    errors = validate(schema, ast, RULES)
    document = Document(ast=ast)
    for definition in ast.definitions:
        label: Any = getattr(definition, "name", None)
        name = label.value if label else ""
        if definition.kind == "operation_definition":
            document.operations[name] = definition
        elif definition.kind == "fragment_definition":
            document.fragments[name] = definition
    if errors:
        places = Places()
        visit(ast, places)
        document.errors = in_shopifys_words(errors, places, schema)
        return document
    type_info = TypeInfo(schema)
    gaps = Gaps(type_info)
    visit(ast, TypeInfoVisitor(type_info, gaps))
    document.unknown = list(dict.fromkeys(gaps.unknown))
    return document


class Gaps(Visitor):
    """Collects the fields of a sound document that this store does not model."""

    def __init__(self, type_info):
        super().__init__()
        self.type_info = type_info
        self.unknown = []

    def enter_field(self, node, *_):
        parent = get_named_type(self.type_info.get_parent_type())
        if parent is None or is_abstract_type(parent):
            return None  # judged when the concrete type is known
        name = node.name.value
        if not knows(parent.name, name):
            self.unknown.append(f"{parent.name}.{name}")
            return SKIP  # naming the top of the gap says enough
        return SKIP if is_always_empty(parent.name, name) else None

    def enter_inline_fragment(self, node, *_):
        """A branch for a type this store has no objects of is never taken."""
        narrowed = get_named_type(self.type_info.get_type())
        if node.type_condition and isinstance(narrowed, GraphQLObjectType):
            return None if models(narrowed.name) or known_by_name(narrowed.name) else SKIP
        return None

    def enter_fragment_definition(self, node, *_):
        return self.enter_inline_fragment(node)


class Places(Visitor):
    """The path of every node, beginning with the operation, as Shopify reports it."""

    def __init__(self):
        super().__init__()
        self.stack = []
        self.paths = {}

    def enter(self, node, *_):
        label = None
        if node.kind == "operation_definition":
            name = f" {node.name.value}" if node.name else ""
            label = f"{node.operation.value}{name}"
        elif node.kind == "fragment_definition":
            label = f"fragment {node.name.value}"
        elif node.kind == "field":
            label = (node.alias or node.name).value
        elif node.kind == "inline_fragment" and node.type_condition:
            label = f"... on {node.type_condition.name.value}"
        elif node.kind in ("argument", "object_field"):
            label = node.name.value
        self.stack.append(label)
        self.paths[id(node)] = [step for step in self.stack if step is not None]

    def leave(self, *_):
        self.stack.pop()


def in_shopifys_words(errors, places, schema):
    """Validation errors of graphql-core turned into those of Shopify's (Ruby) server."""
    shown: list = []
    missing: dict = {}
    for error in errors:
        node = error.nodes[0] if error.nodes else None
        path = places.paths.get(id(node), []) if node is not None else []
        for pattern, translate in TRANSLATIONS:
            match = re.match(pattern, error.message)
            if match:
                more = (schema,) if translate is missing_input else ()
                message, extensions, path = translate(match, node, path, *more)
                break
        else:
            message, extensions = error.message, {"code": "invalidDocument"}
        entry = {
            "message": message,
            "locations": [place.formatted for place in (error.locations or [])[:1]],
            "path": path,
            "extensions": extensions,
        }
        if extensions["code"] == "missingRequiredArguments":
            first = missing.setdefault(tuple(path), entry)
            if first is not entry:  # one error a field, its arguments listed
                names = f"{first['extensions']['arguments']}, {extensions['arguments']}"
                first["extensions"]["arguments"] = names
                first["message"] = first["message"].split(": ")[0] + f": {names}"
                continue
        shown.append(entry)
    return shown


def undefined_field(match, node, path):
    name, owner = match[1], match[2]
    return (
        f"Field '{name}' doesn't exist on type '{owner}'",
        {"code": "undefinedField", "typeName": owner, "fieldName": name},
        path,
    )


def missing_arguments(match, node, path):
    name = node.name.value
    return (
        f"Field '{name}' is missing required arguments: {match[1]}",
        {
            "code": "missingRequiredArguments",
            "className": "Field",
            "name": name,
            "arguments": match[1],
        },
        path,
    )


def unaccepted_argument(match, node, path):
    name = match[2].split(".")[-1]
    return (
        f"Field '{name}' doesn't accept argument '{match[1]}'",
        {
            "code": "argumentNotAccepted",
            "name": name,
            "typeName": "Field",
            "argumentName": match[1],
        },
        path,
    )


def unaccepted_input(match, node, path):
    return (
        f"InputObject '{match[1]}' doesn't accept argument '{match[2]}'",
        {
            "code": "argumentNotAccepted",
            "name": match[1],
            "typeName": "InputObject",
            "argumentName": match[2],
        },
        path,
    )


def missing_input(match, node, path, schema):
    expected = str(schema.type_map[match[1]].fields[match[2]].type)
    return (
        f"Argument '{match[2]}' on InputObject '{match[1]}' is required. Expected type {expected}",
        {
            "code": "missingRequiredInputObjectAttribute",
            "argumentName": match[2],
            "argumentType": expected,
            "inputObjectType": match[1],
        },
        [*path, match[2]],
    )


def null_literal(match, node, path):
    return literal_error(match[1], "null", path)


def other_literal(match, node, path):
    return literal_error(match[1], print_ast(node), path)


def wrong_scalar(match, node, path):
    return literal_error(match[1], print_ast(node), path)


def literal_error(expected, shown, path):
    argument = path[-1] if path else ""
    owner = path[-2] if len(path) > 1 else ""
    return (
        f"Argument '{argument}' on Field '{owner}' has an invalid value ({shown}). "
        f"Expected type '{expected}'.",
        {"code": "argumentLiteralsIncompatible", "typeName": "Field", "argumentName": argument},
        path,
    )


def unused_variable(match, node, path):
    owner = match[2] or "anonymous operation"
    return (
        f"Variable ${match[1]} is declared by {owner} but not used",
        {"code": "variableNotUsed", "variableName": match[1]},
        path,
    )


def no_selection(match, node, path):
    return (
        f"Field must have selections (field '{match[1]}' returns {match[2]} but has no "
        f"selections. Did you mean '{match[1]} {{ ... }}'?)",
        {"code": "selectionMismatch", "nodeName": f"field '{match[1]}'", "typeName": match[2]},
        path,
    )


def undefined_directive(match, node, path):
    return (
        f"Directive @{match[1]} is not defined",
        {"code": "undefinedDirective", "directiveName": match[1]},
        path,
    )


def undefined_type(match, node, path):
    return (
        f"{match[1]} isn't a defined input type (on $variable)"
        if node.kind == "variable_definition"
        else f"No such type {match[1]}, so it can't be a fragment condition",
        {"code": "undefinedType", "typeName": match[1]},
        path,
    )


TRANSLATIONS = (
    (r"Cannot query field '(\w+)' on type '(\w+)'", undefined_field),
    (r"Argument '[\w.]+\((\w+):\)' of type .* is required", missing_arguments),
    (r"Unknown argument '(\w+)' on field '([\w.]+)'", unaccepted_argument),
    (r"Expected value of type '(\w+)' not to include unknown field '(\w+)'", unaccepted_input),
    (r"Expected value of type '(\w+)' to include required field '(\w+)'", missing_input),
    (r"Expected value of non-null type '([^']+)' not to be None", null_literal),
    (r"Expected value of type '([^']+)'", other_literal),
    (r"(\w+) cannot represent", wrong_scalar),
    (r"Value '.*' does not exist in '(\w+)' enum", wrong_scalar),
    (r"Enum '(\w+)' cannot represent", wrong_scalar),
    (r"Variable '\$(\w+)' is never used(?: in operation '(\w+)')?", unused_variable),
    (r"Field '(\w+)' of type '([^']+)' must have a selection", no_selection),
    (r"Unknown directive '@(\w+)'", undefined_directive),
    (r"Unknown type '(\w+)'", undefined_type),
)
