from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "blametrail.incidents"

    def ready(self) -> None:
        # They import models, which stand only now.
        from blametrail.catalog import uses
        from blametrail.incidents import queries

        uses.register(queries.incidents_of)
        uses.register_count(queries.unresolved_by_service)
