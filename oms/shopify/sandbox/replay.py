"""Replays recorded exchanges of a real store against a fresh local one and counts agreement.

python -m oms.shopify.sandbox.replay tests/data/shopify_captures [--list] [--json]
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass

from oms.shopify.sandbox import roots
from oms.shopify.sandbox.events import Events
from oms.shopify.sandbox.execute import Engine
from oms.shopify.sandbox.ids import GID
from oms.shopify.sandbox.order_cancel import finish_cancel
from oms.shopify.sandbox.recordings import in_order, read_scenario, scenario_files
from oms.shopify.sandbox.registry import RESOLVERS
from oms.shopify.sandbox.replay_setup import furnish
from oms.shopify.sandbox.seed import plant
from oms.shopify.sandbox.state import Store

ROOMS = roots.ROOMS
TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$")
NUMBER = re.compile(r"^-?\d+(\.\d+)?$")
# Text that differs on every store by nature.
CURSORS = ("cursor", "startCursor", "endCursor", "defaultCursor")
OPAQUE = (*CURSORS, "statusPageUrl", "requestId", "legacyResourceId")


@dataclass
class Verdict:
    label: str
    roots: tuple
    agrees: bool
    exact: bool
    reason: str = ""


def known_roots():
    return {*RESOLVERS["QueryRoot"], *RESOLVERS["Mutation"]}


def replay_folder(folder):
    """A verdict for every recorded exchange that touches a root of this store."""
    verdicts = []
    for path in scenario_files(folder):
        name, exchanges, recording = read_scenario(path)
        mine = [each for each in exchanges if set(each.roots) & known_roots()]
        if mine:
            with tempfile.TemporaryDirectory() as state_dir:
                verdicts += replay_scenario(state_dir, name, exchanges, recording)
    return verdicts


def replay_scenario(state_dir, name, exchanges, recording):
    store = Store(state_dir)
    plant(store, "empty")
    engine = Engine(store, Events(store))
    furnish(store, recording, exchanges)
    known = known_roots()
    ids: dict = {}
    verdicts: list = []
    mine = in_order([each for each in exchanges if set(each.roots) & known])
    waiting = [each for each in mine if each.upstream]
    waiting = ask_again(engine, waiting, ids, verdicts)
    for exchange in mine:
        if exchange.upstream:
            continue
        finish_jobs(engine)
        match_order_number(store, exchange)
        verdicts.append(judge(exchange, ask(engine, exchange, ids), ids))
        waiting = ask_again(engine, waiting, ids, verdicts)
    verdicts += [judge(each, ask(engine, each, ids), ids) for each in waiting]
    store.close()
    return verdicts


def ask(engine, exchange, ids):
    engine.bucket.give_back(engine.bucket.size)
    return engine.answer(
        {
            "query": translate(exchange.query, ids),
            "variables": translate(exchange.variables, ids),
        }
    )


def ask_again(engine, waiting, ids, verdicts):
    """When a side read was made is not recorded: it counts if it agrees at any moment."""
    left = []
    for exchange in waiting:
        tried = dict(ids)
        verdict = judge(exchange, ask(engine, exchange, ids), tried)
        if verdict.agrees:
            ids.update(tried)
            verdicts.append(verdict)
        else:
            left.append(exchange)
    return left


def finish_jobs(engine):
    store = engine.store
    for job in [each for each in store.all("Job") if not each["done"]]:
        with store.transaction():
            finish_cancel(engine.context(), job)


def match_order_number(store, exchange):
    """Order numbers go on counting between recordings; ours follow the recorded name."""
    if "orderCreate" not in exchange.roots:
        return
    text = json.dumps(exchange.answer)
    found = re.search(r'"name": "#(\d+)"', text)
    if found:
        store.meta["next_number"] = int(found[1])


def translate(value, ids):
    """Recorded ids replaced by ours."""
    if isinstance(value, str):
        if value in ids:
            return ids[value]
        return re.sub(
            r"gid://shopify/\w+/[\w-]+(\?[\w=&]+)?",
            lambda found: ids.get(found[0], found[0]),
            value,
        )
    if isinstance(value, dict):
        return {key: translate(each, ids) for key, each in value.items()}
    return [translate(each, ids) for each in value] if isinstance(value, list) else value


def judge(exchange, answer, ids):
    """Agreement: same shape, same errors, same user errors, same money. Exact: every value."""
    verdict = Verdict(exchange.label, exchange.roots, False, False)
    refused = [
        error["message"]
        for error in answer.get("errors") or []
        if (error.get("extensions") or {}).get("code") == "SANDBOX_NOT_IMPLEMENTED"
    ]
    if refused:
        verdict.reason = f"not in this store: {', '.join(sorted(set(refused)))}"
        verdict.reason = verdict.reason.replace("sandbox does not know ", "")
        return verdict
    if difference := error_difference(exchange.answer, answer):
        verdict.reason = difference
        return verdict
    differences = list(compare(exchange.answer.get("data"), answer.get("data"), (), ids))
    grave = [text for weight, text in differences if weight == "grave"]
    verdict.agrees = not grave
    verdict.exact = not differences
    verdict.reason = (grave or [text for _, text in differences] or [""])[0]
    return verdict


def error_difference(recorded, ours):
    theirs = [error_key(error) for error in listed(recorded.get("errors"))]
    mine = [error_key(error) for error in listed(ours.get("errors"))]
    if sorted(theirs) == sorted(mine):
        return None
    return f"errors {mine or 'none'} instead of {theirs or 'none'}"[:400]


def listed(errors):
    return errors if isinstance(errors, list) else [{"message": str(errors)}] if errors else []


def error_key(error):
    extensions = error.get("extensions") or {}
    message = re.sub(r"\d{6,}", "N", str(error.get("message")))
    # The SDL lists enum values by name, Shopify's server by their definition.
    message = re.sub(
        r"one of: ([\w, ]+)", lambda m: "one of: " + ", ".join(sorted(m[1].split(", "))), message
    )
    return f"{extensions.get('code')}: {message}"


def compare(recorded, ours, path, ids):
    """(weight, text) of each difference; ids met on both sides become pairs."""
    where = ".".join(map(str, path))
    if isinstance(recorded, dict) and isinstance(ours, dict):
        if set(recorded) != set(ours):
            odd = sorted(set(recorded) ^ set(ours))
            yield "grave", f"{where}: other keys {odd}"
            return
        for key, each in recorded.items():
            yield from compare(each, ours[key], (*path, key), ids)
    elif isinstance(recorded, list) and isinstance(ours, list):
        if len(recorded) != len(ours):
            yield "grave", f"{where}: {len(ours)} rows instead of {len(recorded)}"
            return
        for position, (left, right) in enumerate(zip(recorded, ours, strict=True)):
            yield from compare(left, right, (*path, position), ids)
    elif recorded is None or ours is None or isinstance(recorded, dict | list):
        if recorded != ours:
            yield "grave", f"{where}: {short(ours)} instead of {short(recorded)}"
    else:
        yield from compare_values(recorded, ours, path, where, ids)


def compare_values(recorded, ours, path, where, ids):
    key = path[-1] if path else ""
    if isinstance(recorded, str) and isinstance(ours, str):
        left, right = GID.match(recorded), GID.match(ours)
        if left and right and left[1] == right[1]:
            ids.setdefault(recorded, ours)
            return
        if key in CURSORS:
            ids.setdefault(recorded, ours)
        if key in OPAQUE or (TIME.match(recorded) and TIME.match(ours)):
            return
    if recorded == ours and type(recorded) is type(ours):
        return
    # Inside user errors ids are named by number.
    if "userErrors" in path and re.sub(r"\d{6,}", "N", str(recorded)) == re.sub(
        r"\d{6,}", "N", str(ours)
    ):
        return
    grave = "userErrors" in path or "orderCancelUserErrors" in path or is_money(path, recorded)
    yield ("grave" if grave else "slight"), f"{where}: {short(ours)} instead of {short(recorded)}"


def is_money(path, value):
    return path[-1] == "amount" or (
        isinstance(value, str) and NUMBER.match(value) and path[-1] != "zip"
    )


def short(value):
    return json.dumps(value)[:120]


def summary(verdicts):
    """Totals and per root: how many agree of how many."""
    by_root: dict = defaultdict(Counter)
    for verdict in verdicts:
        for root in set(verdict.roots) & known_roots():
            by_root[root]["all"] += 1
            by_root[root]["agree"] += verdict.agrees
            by_root[root]["exact"] += verdict.exact
    writes = [each for each in verdicts if set(each.roots) & set(RESOLVERS["Mutation"])]
    return {
        "exchanges": len(verdicts),
        "agree": sum(verdict.agrees for verdict in verdicts),
        "exact": sum(verdict.exact for verdict in verdicts),
        "mutations": len(writes),
        "mutations_agree": sum(verdict.agrees for verdict in writes),
        "reasons": dict(Counter(kind_of(verdict) for verdict in verdicts if not verdict.agrees)),
        "roots": {root: dict(counts) for root, counts in sorted(by_root.items())},
    }


def kind_of(verdict):
    """Why an exchange differs, in five words or so."""
    reason = verdict.reason
    if reason.startswith("not in this store"):
        return "asks for a root, type or field this store refuses"
    if "idempotent directive" in reason or "not defined on" in reason or "doesn't " in reason:
        return "recorded under an older API version"
    if "other keys" in reason:
        return "the recorded answer does not fit its own query"
    if re.search(r": null instead of|rows instead of", reason):
        return "reads or changes what existed before the recording, or what another root made"
    return "another value"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m oms.shopify.sandbox.replay")
    parser.add_argument("folder", help="recorded scenarios, gzipped, one folder a domain")
    parser.add_argument("--list", action="store_true", help="each disagreement with its reason")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    verdicts = replay_folder(options.folder)
    figures = summary(verdicts)
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        sys.stdout.write(
            f"{figures['agree']} of {figures['exchanges']} recorded exchanges agree in shape, "
            f"errors and money; {figures['exact']} in every value.\n"
            f"Mutations: {figures['mutations_agree']} of {figures['mutations']}.\n"
        )
        for reason, count in sorted(figures["reasons"].items(), key=lambda pair: -pair[1]):
            sys.stdout.write(f"{count:5} {reason}\n")
        for root, counts in figures["roots"].items():
            sys.stdout.write(f"{counts['agree']:5} of {counts['all']:4}  {root}\n")
    if options.list:
        for verdict in verdicts:
            if not verdict.exact:
                mark = "differs" if not verdict.agrees else "detail"
                sys.stdout.write(f"{mark}  {verdict.label}: {verdict.reason}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
