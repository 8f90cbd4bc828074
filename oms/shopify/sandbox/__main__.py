"""Starts the local store: python -m oms.shopify.sandbox --port 9099 --state .state/sandbox."""

import argparse
import logging
import signal
import sys
import threading

from oms.shopify.sandbox.cost import RESTORE_PER_SECOND
from oms.shopify.sandbox.seed import SEEDS
from oms.shopify.sandbox.server import SandboxServer

JOB_SECONDS = 0.5  # how long a cancellation stays unfinished


def main(arguments=None):
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="sandbox %(levelname)s %(message)s")
    try:
        sandbox = SandboxServer(
            options.state,
            port=options.port,
            host=options.host,
            seed=options.shop,
            salt=options.seed,
            plan=options.plan,
            time_factor=options.time_factor,
            job_seconds=JOB_SECONDS,
        )
    except OSError as error:
        sys.stderr.write(
            f"The local store cannot listen on {options.host}:{options.port}: {error}\n"
        )
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with sandbox:
        sys.stdout.write(f"Local store {sandbox.shop} at {sandbox.url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m oms.shopify.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9099)
    parser.add_argument("--state", required=True, help="folder for the state file")
    parser.add_argument("--shop", choices=sorted(SEEDS), default="real", help="what is in it")
    parser.add_argument(
        "--seed", type=int, default=1, help="another number, other people and stock"
    )
    parser.add_argument("--plan", choices=sorted(RESTORE_PER_SECOND), default="enterprise")
    parser.add_argument(
        "--time-factor", type=float, default=60.0, help="compresses the waits of webhook retries"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
