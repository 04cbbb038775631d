"""Django's settings, made from the environment. The same in development, test and production."""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from blametrail import environment
from blametrail.lib.encryption import Vault

try:
    ENVIRONMENT = environment.read(os.environ)
except environment.Misconfigured as misconfigured:
    sys.stderr.write("".join(f"{problem}\n" for problem in misconfigured.problems))
    sys.exit(2)

BASE_DIR = Path(__file__).resolve().parent
DEBUG = False
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
VAULT = Vault(ENVIRONMENT.encryption_keys)

BASE_URL = ENVIRONMENT.base_url
_public = urlsplit(BASE_URL)
_is_https = _public.scheme == "https"
ALLOWED_HOSTS = [
    _public.hostname or "",
    *filter(None, (host.strip() for host in ENVIRONMENT.allowed_hosts.split(","))),
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.admin",
    "django.forms",
    # Before allauth, since its pages and mails are replaced by ours of the same name.
    "blametrail.web",
    "blametrail.accounts",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "lucide",
    "blametrail.organizations",
    "blametrail.catalog",
    "blametrail.incidents",
    "blametrail.intake",
    "blametrail.integrations",
    "blametrail.integrations.sentry",
]

MIDDLEWARE = [
    "blametrail.web.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "blametrail.web.middleware.ExplainRefusals",
]

ROOT_URLCONF = "blametrail.urls"
ASGI_APPLICATION = "blametrail.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "blametrail.organizations.navigation.navigation",
                "blametrail.integrations.sentry.navigation.attention",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"


def _database() -> dict[str, object]:
    address = ENVIRONMENT.database_url or f"sqlite:///{ENVIRONMENT.data_dir.resolve() / 'blametrail.sqlite3'}"
    parts = urlsplit(address)
    if parts.scheme == "sqlite":
        path = Path(unquote(address.removeprefix("sqlite:///")))
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            # IMMEDIATE takes the write lock when a transaction begins, so that it never fails half-way for want
            # of it; WAL lets readers go on meanwhile; NORMAL still survives a crash of the process, and FULL,
            # which the door needs for what it promises Sentry, also one of the machine.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-20000;"
                " PRAGMA mmap_size=134217728;",
            },
            "TEST": {"NAME": path.with_name(f"test-{path.name}")},
        }
    # Whatever else libpq understands may follow the question mark, such as sslmode=verify-full.
    options = {"connect_timeout": "5", **dict(parse_qsl(parts.query))}
    socket = options.pop("host", "")
    pool = {
        "min_size": 1,
        "max_size": ENVIRONMENT.database_pool,
        "timeout": 10,
        # The next who asks for a connection tries anew. Otherwise the pool doubles its own waits for five minutes,
        # and a database that is back after a long time is noticed only minutes later.
        "reconnect_timeout": 2,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or socket,
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {**options, "pool": pool},
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# What allauth counts sign-in attempts in. In the database, since all processes on all machines must count together:
# kept in each process's memory, N processes would allow N times the guesses, and a restart would forget them.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # Beyond this many entries Django throws some away; few would let a flood of attempts wash out the counts.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

LANGUAGE_CODE = "en-us"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "blametrail.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "blametrail.accounts.forms.SignUpForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # only in the browser that signed up; so an invitation goes on by itself
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password or second factor is told to its owner
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ALLAUTH_TRUSTED_PROXY_COUNT = ENVIRONMENT.trusted_proxies
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "BlameTrail"
MFA_ADAPTER = "blametrail.accounts.adapter.SecondFactorAdapter"


def _email() -> dict[str, object]:
    parts = urlsplit(ENVIRONMENT.email_url)
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": unquote(parts.path),
        }
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and "tls=0" not in parts.query,
        "EMAIL_TIMEOUT": 10,
    }


globals().update(_email())
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.email_from

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # Lax, since Sentry's redirect back must carry the session
SESSION_COOKIE_NAME = "blametrail_session"
CSRF_COOKIE_NAME = "blametrail_csrf"
CSRF_FAILURE_VIEW = "blametrail.web.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if _is_https else 0
X_FRAME_OPTIONS = "DENY"
if ENVIRONMENT.trusted_proxies:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # straight from the packages, so that no collectstatic can be forgotten

LOGGING_CONFIG = "blametrail.lib.logs.configure"
LOGGING = {"level": ENVIRONMENT.log_level}
