"""The house stands on its floors: no room imports from above, no foreign key points up."""

import ast
from pathlib import Path

import pytest
from django.apps import apps

PROJECT = Path(__file__).resolve().parents[2]
ROOF = 9
FLOORS = {
    "oms.core": 0,
    "oms.catalog": 1,
    "oms.orders": 2,
    "inventory": 3,
    "oms.fulfillment": 4,
    "routing": 5,
    "returns": 5,
    "oms.exceptions": 6,
    "oms.shopify": 7,
    "oms.console": 8,
    "oms.runner": ROOF,
    "oms.flow": ROOF,
    "oms.shortages": ROOF,
    "oms.till": ROOF,
    "oms.wiring": ROOF,
    "oms.jobs": ROOF,
    "oms.figures": ROOF,
    "oms.agreement": ROOF,
    "oms.bench": ROOF,
    "oms.settings": ROOF,
    "oms.urls": ROOF,
    "oms.wsgi": ROOF,
}
# The front door of a room may name what is above it: addresses lead to pages, and the runner tells
# the settings where the servers are. Nothing else climbs.
ALLOWED = {("oms.console", "oms.flow")}


def room_of(module: str) -> str | None:
    """The longest room name that the module stands in; None for other people's code."""
    names = [room for room in FLOORS if module == room or module.startswith(f"{room}.")]
    return max(names, key=len, default=None)


def modules() -> list[Path]:
    files = [
        path
        for top in ("oms", "inventory", "routing", "returns")
        for path in (PROJECT / top).rglob("*.py")
    ]
    return [path for path in files if path != PROJECT / "oms" / "__init__.py"]


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from oms import flow` names a module, `from oms.flow import x` names its content.
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def climbs(path: Path) -> list[str]:
    module = name_of(path)
    room = room_of(module)
    assert room is not None, f"{module} stands in no room: add it to FLOORS"
    found = []
    for imported in sorted(imports_of(path)):
        target = room_of(imported)
        if target is None or target == room or (room, target) in ALLOWED:
            continue
        same_floor = FLOORS[target] == FLOORS[room] and FLOORS[room] != ROOF
        if FLOORS[target] > FLOORS[room] or same_floor:
            found.append(f"{module} imports {imported}")
    return found


def test_no_room_imports_from_above() -> None:
    found = [climb for path in modules() for climb in climbs(path)]

    assert found == []


def test_a_climb_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = tmp_path / "oms" / "core" / "bad.py"
    core.parent.mkdir(parents=True)
    core.write_text("from oms.orders.models import Order\nimport routing.planner\n")
    monkeypatch.setitem(globals(), "PROJECT", tmp_path)

    assert climbs(core) == [
        "oms.core.bad imports oms.orders.models",
        "oms.core.bad imports oms.orders.models.Order",
        "oms.core.bad imports routing.planner",
    ]


def test_no_foreign_key_points_up() -> None:
    found = []
    for model in apps.get_models():
        room = room_of(model.__module__)
        if room is None:
            continue
        for field in model._meta.get_fields():
            other = field.related_model if field.concrete else None
            target = room_of(other.__module__) if isinstance(other, type) else None
            if target is not None and FLOORS[target] > FLOORS[room]:
                found.append(f"{model.__name__}.{field.name} points up to {other.__name__}")

    assert found == []


def test_every_room_has_a_page_that_says_what_lives_in_it() -> None:
    rooms = [room for room, floor in FLOORS.items() if apps.is_installed(room) and floor <= ROOF]

    missing = [
        room for room in rooms if not (PROJECT / room.replace(".", "/") / "README.md").exists()
    ]

    assert missing == []
