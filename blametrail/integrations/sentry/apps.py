from django.apps import AppConfig


class SentryConfig(AppConfig):
    name = "blametrail.integrations.sentry"
    label = "sentry"
