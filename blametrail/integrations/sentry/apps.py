from django.apps import AppConfig


class SentryConfig(AppConfig):
    name = "blametrail.integrations.sentry"
    label = "sentry"

    def ready(self) -> None:
        # They import models, which stand only now.
        from blametrail.catalog import uses
        from blametrail.integrations.sentry import using

        uses.register(using.find)
