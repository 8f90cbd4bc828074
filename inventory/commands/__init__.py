"""What people and other systems may do to stock, by what it is about."""

from inventory.commands.stock import Count, adjust, set_on_hand, set_safety, take_back

__all__ = ["Count", "adjust", "set_on_hand", "set_safety", "take_back"]
