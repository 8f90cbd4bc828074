"""Measurements: `manage.py bench`, each figure beside the ceiling measured in the same run."""
