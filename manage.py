#!/usr/bin/env python3
"""Django's command line for Switchyard."""

import os
import sys

from oms.runner import addresses, state


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except OSError as error:
        # The settings keep a key in the state folder; one that cannot be written is worth a
        # sentence and not a stack of frames.
        if not str(error.filename).startswith(str(addresses.state_folder())):
            raise
        sys.stderr.write(f"{state.explain(error, addresses.state_folder())}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
