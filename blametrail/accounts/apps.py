from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "blametrail.accounts"
