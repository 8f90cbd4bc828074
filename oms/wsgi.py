"""The WSGI entry point for granian, gunicorn or any other server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
django_application = get_wsgi_application()

from oms.shopify.wsgi_webhooks import with_webhooks  # noqa: E402  (needs the settings)

# Webhooks are answered before Django: 250 instead of 600 microseconds of processor each.
application = with_webhooks(django_application)
