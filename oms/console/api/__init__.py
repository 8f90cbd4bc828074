"""The JSON interface for partners: keys, errors in one shape, and one module a subject."""
