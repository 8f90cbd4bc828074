"""What a fresh store holds: the tiny cast of the tests, or Hearth & Loom from real data."""

from oms.shopify.sandbox.seed.real import plant_real
from oms.shopify.sandbox.seed.tiny import plant_empty, plant_tiny

SEEDS = {"tiny": plant_tiny, "real": plant_real, "empty": plant_empty}


def plant(store, seed, salt=1, plan="enterprise"):
    """Fills an empty store in one durable step. No webhook tells of it: it was always so."""
    with store.transaction():
        store.meta.update(
            seed=seed,
            salt=salt,
            cursor=0,
            placed=0,
            placing={"remaining": 0, "rate": 0},
        )
        SEEDS[seed](store, salt)
        store.meta["shop"]["plan"] = plan.title()
        store.save(store.meta, touch=False)
