"""Settings: every value that differs between installations comes from the environment.

Nothing needs to be set. The README's configuration table lists each variable, and a test keeps the
table and the readers below in step.
"""

import ipaddress
import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from medclassifier import broker

BASE_DIR = Path(__file__).resolve().parent.parent

# Names of the environment variables that were asked for, for the test that compares the README.
ENVIRONMENT: set[str] = set()


def env_str(name: str, default: str = "") -> str:
    """A variable, or what is in the file that `NAME_FILE` names: so containers get secrets."""
    ENVIRONMENT.add(name)
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip() or default
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from error
    return os.environ.get(name, "") or default


def env_bool(name: str, default: bool) -> bool:
    value = env_str(name, str(default)).lower()
    if value not in {"true", "false", "1", "0", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value in {"true", "1", "yes"}


def env_int(name: str, default: int, *, minimum: int = 1) -> int:
    value = env_str(name, str(default))
    if not value.isdecimal() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} must be a whole number from {minimum}, not {value!r}.")
    return int(value)


def env_list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in env_str(name, default).split(",") if item.strip()]


def env_pairs(name: str) -> dict[str, str]:
    """key=value, separated by commas."""
    pairs = [item.rpartition("=") for item in env_list(name)]
    if not all(key.strip() for key, _, _ in pairs):
        raise ImproperlyConfigured(f"{name} must be pairs such as key=value, separated by commas.")
    return {key.strip(): value.strip() for key, _, value in pairs}


def env_networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(each) for each in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be networks, not {error}.") from error


def env_path(name: str, default: Path) -> Path:
    return Path(env_str(name, str(default))).expanduser().resolve()


def stored_secret_key(path: Path) -> str:
    """The installation's own key, drawn once and readable by its owner only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(get_random_secret_key())
    return path.read_text()


# Where things are ------------------------------------------------------------------------------

# What any process of the application writes is for its own account alone: database, logs, images.
os.umask(0o077)
VAR_DIR = env_path("VAR_DIR", BASE_DIR / "var")
# Password hashes, sessions and results lie here: for the account that runs the application alone.
VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
MODELS_DIR = env_path("MODELS_DIR", BASE_DIR / "models")
# Made here: they are none of the installation's files, and outlive its next release.
ADAPTED_MODELS_DIR = env_path("ADAPTED_MODELS_DIR", VAR_DIR / "models")
# Descriptions of what these are about, where it is classes of somebody's own.
OWN_DATASETS_DIR = env_path("OWN_DATASETS_DIR", VAR_DIR / "datasets")
MEDMNIST_ROOT = env_path("MEDMNIST_ROOT", Path.home() / ".medmnist")

# The installation ------------------------------------------------------------------------------

DEBUG = env_bool("DEBUG", False)
SECRET_KEY = env_str("SECRET_KEY") or stored_secret_key(VAR_DIR / "secret_key")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
SIGNUP_OPEN = env_bool("SIGNUP_OPEN", True)
HTTPS = env_bool("HTTPS", False)
# Where links in mails lead; without it, to the address that the request was sent to.
SITE_URL = env_str("SITE_URL").rstrip("/")
WEB_WORKERS = env_int("WEB_WORKERS", 2)
# Of each web process. Most of them sleep, in requests that wait for a result.
WEB_THREADS = env_int("WEB_THREADS", 16, minimum=2)

INSTALLED_APPS = [
    "classifier",
    "medclassifier.desk.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "classifier.web.middleware.known_origin",
    "classifier.web.middleware.content_security_policy",
    "classifier.web.middleware.bounded_body",
    "classifier.web.middleware.readable_charset",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "classifier.web.middleware.idle_timeout",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "classifier.web.second_factor.required_second_factor",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "medclassifier.urls"
WSGI_APPLICATION = "medclassifier.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {
                "numbers": "classifier.cards.numbers",
                "desk": "classifier.admin.tags",
            },
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database and cache ----------------------------------------------------------------------------

DATABASES = {
    "default": dj_database_url.parse(
        env_str("DATABASE_URL", f"sqlite:///{VAR_DIR / 'db.sqlite3'}"), conn_max_age=60
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Web and worker write side by side: the write-ahead log lets readers go on meanwhile, and a
    # transaction that takes its write lock at once waits for its turn instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    # A server that was restarted has cut the connections which threads and workers keep.
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Counts failed sign-ins across web processes. Not in Redis: sign-in works without the broker.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
    }
}

# Files -----------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
# Uploaded images are health data: nothing serves this folder, views stream from it to their owner.
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Not WhiteNoise's compressing storage: a reverse proxy compresses as well, and compressing the
    # API's documentation would cost each start two seconds.
    "staticfiles": {
        "BACKEND": "medclassifier.static_files.ModuleStaticFilesStorage",
    },
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
FILE_UPLOAD_HANDLERS = [
    "classifier.uploads.handlers.SentNameHandler",
    "classifier.uploads.handlers.SpoolHandler",
]

MAX_UPLOAD_BYTES = env_int("MAX_UPLOAD_MEGABYTES", 20) * 2**20
MAX_UPLOAD_PIXELS = env_int("MAX_UPLOAD_MEGAPIXELS", 40) * 1_000_000
MAX_BATCH_IMAGES = 1_000
MAX_CELLS_OF_A_FIELD = 300
# The body of one request, and likewise what its archive unpacks to.
MAX_BATCH_BYTES = env_int("MAX_BATCH_MEGABYTES", 2_000) * 2**20
# One more, so that a batch which is too large gets an answer in the API's own words.
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_BATCH_IMAGES + 1

# Accounts --------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
] + [{"NAME": f"classifier.web.passwords.{name}"} for name in ("NotBreached", "NotMostlyNames")]
ACCOUNT_ADAPTER = "classifier.web.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[medclassifier] "
# One address each, which is changed and not added to; that asks for the password first.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_FORMS = {
    "add_email": "classifier.web.account_forms.ChangeAddressForm",
    "change_password": "classifier.web.account_forms.ChangePasswordForm",
    "reset_password_from_key": "classifier.web.account_forms.ResetPasswordKeyForm",
}
ACCOUNT_LOGOUT_REDIRECT_URL = "web:landing"
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "change_password": "5/m/user",
}
# Of a device that was signed in to the account before.
KNOWN_DEVICE_RATE_LIMIT = "5/300s/key"
# How many reverse proxies stand in front: the client's address is taken from that far back in
# X-Forwarded-For. With 0 the header, which a client can write itself, is ignored.
ALLAUTH_TRUSTED_PROXY_COUNT = env_int("TRUSTED_PROXIES", 0, minimum=0)
# Whoever does nothing for so long is signed out; 0 for never.
IDLE_MINUTES = env_int("IDLE_MINUTES", 0, minimum=0)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "web:classify"

# A second factor -------------------------------------------------------------------------------

MFA_REQUIRED = env_str("MFA_REQUIRED", "none").lower()
if MFA_REQUIRED not in {"none", "administrators", "all"}:
    raise ImproperlyConfigured(
        f"MFA_REQUIRED must be none, administrators or all, not {MFA_REQUIRED!r}."
    )
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Addresses are not verified at sign-up.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "medclassifier"
# Clocks of phones run half a minute fast or slow.
MFA_TOTP_TOLERANCE = 1

# Sign-in by the institution (OpenID Connect) ---------------------------------------------------

OIDC_ISSUER = env_str("OIDC_ISSUER").rstrip("/")
OIDC_CLIENT_ID = env_str("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env_str("OIDC_CLIENT_SECRET")
OIDC_NAME = env_str("OIDC_NAME", "your institution")
# Its addresses count as verified also where it does not say so.
OIDC_TRUSTS_ADDRESSES = env_bool("OIDC_TRUSTS_ADDRESSES", False)
OIDC_HAS_SECOND_FACTOR = env_bool("OIDC_HAS_SECOND_FACTOR", False)
OIDC_GROUPS_CLAIM = env_str("OIDC_GROUPS_CLAIM", "groups")
# Which of its groups has which role here.
OIDC_ROLES = env_pairs("OIDC_ROLES")
if OIDC_ISSUER and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET too.")
SOCIALACCOUNT_ADAPTER = "classifier.web.institution.InstitutionAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "institution",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER},
            }
        ]
        if OIDC_ISSUER
        else [],
    }
}
# An account of the institution is linked to one that confirmed the same address, on both sides.
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
# A link to follow: a form that another site answers is what the pages' policy forbids.
SOCIALACCOUNT_LOGIN_ON_GET = True

# E-mail ----------------------------------------------------------------------------------------

EMAIL_HOST = env_str("EMAIL_HOST")
EMAIL_PORT = env_int("EMAIL_PORT", 587)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", True)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", "medclassifier@localhost")

# Language and time -----------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env_str("TIME_ZONE", "UTC")
USE_I18N = False
USE_TZ = True

# Security --------------------------------------------------------------------------------------

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS and ALLAUTH_TRUSTED_PROXY_COUNT else None
)
# A probe of the machine itself asks over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|livez|metrics)$"]

# API -------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "classifier.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "classifier.api.permissions.TokenScope",
        "classifier.api.permissions.OwnerOrPermitted",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
        "rest_framework.parsers.FormParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "classifier.api.negotiation.OneContentType",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "classifier.api.schema.ProblemSchema",
    "DEFAULT_THROTTLE_CLASSES": ["classifier.api.throttling.RequestsPerMinute"],
    "DEFAULT_THROTTLE_RATES": {"token": "10/min"},
    "NUM_PROXIES": ALLAUTH_TRUSTED_PROXY_COUNT,
    "EXCEPTION_HANDLER": "classifier.api.errors.problem_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "medclassifier",
    "VERSION": "1",
    "DESCRIPTION": "Classify medical images. Research use only, not for diagnosis.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "classifier.api.schema.alternatives",
    ],
    "ENUM_NAME_OVERRIDES": {
        "CropEnum": "classifier.models.ALL_CROPS",
        "WholeCropEnum": "classifier.models.CROP_CHOICES",
        "EventEnum": "classifier.models.Event",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

# What one person may use up
API_REQUESTS_PER_MINUTE = env_int("API_REQUESTS_PER_MINUTE", 6_000)
MAX_WAITING_PREDICTIONS = env_int("MAX_WAITING_PREDICTIONS", 5_000)
# Each takes the worker as long as dozens of predictions.
MAX_WAITING_EXPLANATIONS = env_int("MAX_WAITING_EXPLANATIONS", 20)
# Each takes tens of megabytes.
MAX_MODELS_PER_PERSON = env_int("MAX_MODELS_PER_PERSON", 20)
# How long what was deleted can be taken back.
TRASH_DAYS = env_int("TRASH_DAYS", 30, minimum=0)
MAX_BYTES_PER_DAY = env_int("MAX_MEGABYTES_PER_DAY", 20_000) * 2**20
# As it is kept: a JPEG as it was sent without its metadata, and all else as PNG.
MAX_STORED_BYTES_PER_PERSON = env_int("MAX_STORED_MEGABYTES_PER_PERSON", 50_000) * 2**20
# Below it no image is stored any more, so that database and logs can still be written.
MIN_FREE_DISK_BYTES = env_int("MIN_FREE_DISK_MEGABYTES", 500, minimum=0) * 2**20

# Retention -------------------------------------------------------------------------------------

# 0 for as long as nobody deletes them.
KEEP_ORIGINALS_DAYS = env_int("KEEP_ORIGINALS_DAYS", 0, minimum=0)
KEEP_RESULTS_DAYS = env_int("KEEP_RESULTS_DAYS", 0, minimum=0)

# Audit trail -----------------------------------------------------------------------------------

AUDIT_DAYS = env_int("AUDIT_DAYS", 400)
# What files are called may name a patient.
AUDIT_FILE_NAMES = env_bool("AUDIT_FILE_NAMES", False)
# In seconds: for so long an event could still be deleted without leaving a gap.
AUDIT_SEALED_EVERY = 60

# Inference and its queue -----------------------------------------------------------------------

REDIS_URL = env_str("REDIS_URL")

PREDICTION_BATCH_SIZE = env_int("PREDICTION_BATCH_SIZE", 32)
PREDICTION_TIME_LIMIT = env_int("PREDICTION_TIME_LIMIT", 60, minimum=2)
PREDICTION_MAX_ATTEMPTS = env_int("PREDICTION_MAX_ATTEMPTS", 3)
SWEEP_INTERVAL = env_int("SWEEP_INTERVAL", 10)

CELERY_BROKER_URL = REDIS_URL or broker.embedded_url(VAR_DIR)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A message counts as lost after this long without an acknowledgement. It must exceed the hard
    # time limit, or a task that still runs would be handed out a second time.
    "visibility_timeout": 2 * PREDICTION_TIME_LIMIT,
    # A web request must not hang on a broker that is down.
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY = False
# The default exchange reaches the queue by its name alone. A named exchange needs a binding kept in
# Redis, and when Redis was emptied a message published through it would vanish.
CELERY_TASK_DEFAULT_QUEUE = "predictions"
CELERY_TASK_DEFAULT_EXCHANGE = ""
# The database holds the results; a result backend would be a second truth.
CELERY_TASK_IGNORE_RESULT = True
# Acknowledge after the work, and hand the message out again when its process died: the task is safe
# to repeat, since it takes up only rows without a result.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# One message at a time per process: whatever else waits stays in Redis for whoever is free.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env_int("WORKER_CONCURRENCY", 1)
# A child imports TensorFlow and loads the models before it reports ready; the default allows 4 s.
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 300
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# The soft limit leaves time to write "took too long" before the hard limit kills the process.
CELERY_TASK_TIME_LIMIT = PREDICTION_TIME_LIMIT
CELERY_TASK_SOFT_TIME_LIMIT = max(1, PREDICTION_TIME_LIMIT * 4 // 5)
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "classifier.tasks.sweep",
        "schedule": SWEEP_INTERVAL,
        # When sweeps pile up behind a long queue, one of them is enough.
        "options": {"expires": SWEEP_INTERVAL},
    },
    "keep_audit": {
        "task": "classifier.tasks.keep_audit",
        "schedule": AUDIT_SEALED_EVERY,
        "options": {"expires": AUDIT_SEALED_EVERY},
    },
    "watch": {"task": "classifier.tasks.watch", "schedule": 60, "options": {"expires": 60}},
    "retain": {"task": "classifier.tasks.retain", "schedule": 600, "options": {"expires": 600}},
}

# Webhooks --------------------------------------------------------------------------------------

# Networks such as 10.0.0.0/8 that messages may go to although they are private.
WEBHOOK_ALLOWED_NETWORKS = env_networks("WEBHOOK_ALLOWED_NETWORKS")

# Monitoring ------------------------------------------------------------------------------------

# Without it only the machine itself may ask for /metrics.
METRICS_TOKEN = env_str("METRICS_TOKEN")
# prometheus_client reads it when it is imported.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(VAR_DIR / "metrics")
(VAR_DIR / "metrics").mkdir(mode=0o700, exist_ok=True)

# Logs ------------------------------------------------------------------------------------------

LOG_FORMAT = env_str("LOG_FORMAT", "plain").lower()
if LOG_FORMAT not in {"plain", "json"}:
    raise ImproperlyConfigured(f"LOG_FORMAT must be plain or json, not {LOG_FORMAT!r}.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"origin": {"()": "medclassifier.logs.OriginFilter"}},
    "formatters": {
        "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s %(task_id)s",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["origin"],
        }
    },
    "root": {"handlers": ["console"], "level": env_str("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "django": {"level": "INFO", "handlers": [], "propagate": True},
        # A line for each request is for programs to search, and too much for a terminal.
        "classifier.requests": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
        # Lines for each message; the runner says once per batch what was done.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},
    },
}
