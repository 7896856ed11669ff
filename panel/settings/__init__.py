"""Django's settings. Everything an operator can change comes from `environment`."""

from __future__ import annotations

from pathlib import Path

from panel import broker
from panel.settings import database, security
from panel.settings.environment import Environment

CHECKOUT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Environment.read()

DATA_ROOT = ENVIRONMENT.data_root
RUN_ROOT = ENVIRONMENT.run_root
NODE_NAME = ENVIRONMENT.node_name
REDIS_URL = ENVIRONMENT.redis_url
ID_BASE = ENVIRONMENT.id_base
EVENTS_KEPT_DAYS = ENVIRONMENT.events_kept_days
OPERATIONS_KEPT_DAYS = ENVIRONMENT.operations_kept_days

SECRET_KEY = ENVIRONMENT.secret_key
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "panel.accounts",
    "panel.policy",
    "panel.eventlog",
    "panel.inventory",
    "panel.operations",
]
# Deliverers with templates, tags or commands of their own; each is there once its package is.
INSTALLED_APPS += [
    f"panel.{name}"
    for name in ("web", "api", "live", "worker", "agent", "host", "server")
    if (CHECKOUT / "panel" / name / "apps.py").exists()
]
MIDDLEWARE = [
    "panel.settings.middleware.Headers",
    "panel.settings.static.StaticFiles",
    "panel.settings.middleware.Visit",
]
# Their middlewares are parts of the chains above.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003"]
ROOT_URLCONF = "panel.urls"
ASGI_APPLICATION = "panel.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CHECKOUT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": database.database(
        ENVIRONMENT.database_url,
        DATA_ROOT,
        kept_seconds=ENVIRONMENT.database_kept_seconds,
        waiting=ENVIRONMENT.database_waiting,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {"default": broker.channel_layer(REDIS_URL)}

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = security.PASSWORD_HASHERS
AUTH_PASSWORD_VALIDATORS = security.AUTH_PASSWORD_VALIDATORS
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 86_400
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.behind_tls
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "panel.web.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = security.CONTENT_SECURITY_POLICY
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

STATIC_URL = "/static/"
STATICFILES_DIRS = [CHECKOUT / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 60

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
