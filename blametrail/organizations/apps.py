from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    name = "blametrail.organizations"
