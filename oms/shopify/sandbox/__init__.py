"""A Shopify that runs on this machine: `SandboxServer` in `server.py`, `python -m` to start it."""
