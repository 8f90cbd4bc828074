"""All settings in one flat file. The environment is read at the top, loudly."""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from redis.backoff import NoBackoff
from redis.retry import Retry

from oms.runner import addresses

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: str = "0") -> bool:
    """Read a yes/no variable: 1 or 0 and nothing else."""
    value = os.environ.get(name, default)
    if value not in ("0", "1"):
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {value!r}.")
    return value == "1"


def secret_key() -> str:
    """SECRET_KEY, or one made once and kept in the state folder of an embedded installation."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    if os.environ.get("DATABASE_URL"):
        raise ImproperlyConfigured("Set SECRET_KEY when DATABASE_URL names your own server.")
    path = addresses.state_folder() / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(get_random_secret_key())
    return path.read_text()


DEBUG = flag("SWITCHYARD_DEBUG")
SECRET_KEY = secret_key()
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if o]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "oms.console.apps.ConsoleAdminConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "pgtrigger",
    "pghistory",
    "django_rq",
    "rest_framework",
    "django_filters",
    "oms.core",
    "oms.catalog",
    "oms.orders",
    "inventory",
    "oms.fulfillment",
    "routing",
    "returns",
    "oms.exceptions",
    "oms.shopify",
    "oms.console",
    "oms.runner",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "oms.console.uploads.UploadLimit",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "oms.console.history.RequestHistory",
]

ROOT_URLCONF = "oms.urls"
WSGI_APPLICATION = "oms.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Connections stay open: opening one costs more than the work done on it (docs/BENCHMARKS.md).
# Prepared statements save a third of a short statement; set SWITCHYARD_PREPARED=0 behind a pooler
# that hands out connections by transaction.
try:
    DATABASES: dict[str, dict[str, Any]] = {"default": addresses.database_settings()}
    REDIS_URL = addresses.redis_url()
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if flag("SWITCHYARD_PREPARED", "1"):
    DATABASES["default"]["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 3}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One queue a worker: a worker on two queues can lose a job when it is killed between them.
_REDIS = {
    "URL": REDIS_URL,
    "DEFAULT_TIMEOUT": 120,
    "SERIALIZER": "rq.serializers.JSONSerializer",
    # A bell that cannot ring at once may stay silent: the scheduler looks again in a moment.
    "REDIS_CLIENT_KWARGS": {"socket_connect_timeout": 2, "retry": Retry(NoBackoff(), retries=0)},
}
RQ_QUEUES = {name: dict(_REDIS) for name in ("intake", "outbound", "sweep")}
RQ_SHOW_ADMIN_LINK = False

AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True
# Numbers that people read go through `counts` and `money`; an id in a form must stay an id.
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = True

# A full order of 500 lines is about 1.3 MB; above the cap the sender gets 413 and we fetch it.
WEBHOOK_MAX_BYTES = 10 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_MAX_BYTES

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
if flag("SWITCHYARD_HTTPS"):
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"rq": {"level": "WARNING"}, "rq.worker": {"level": "WARNING"}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissions"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "oms.console.api.errors.answer",
}
# For each key of the API; see oms/console/api/doors.py.
API_READS_PER_MINUTE = int(os.environ.get("SWITCHYARD_API_READS", "600"))
API_WRITES_PER_MINUTE = int(os.environ.get("SWITCHYARD_API_WRITES", "300"))
