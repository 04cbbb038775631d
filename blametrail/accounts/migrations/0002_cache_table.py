"""The table in which sign-in attempts are counted, made here so that no further command can be forgotten."""

from django.core.management import call_command
from django.db import migrations

TABLE = "cache"  # as in settings.CACHES


def create(apps, schema_editor):
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(create, lambda _apps, editor: editor.execute(f"DROP TABLE {TABLE}"))]
