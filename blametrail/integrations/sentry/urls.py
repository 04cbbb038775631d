from django.urls import URLPattern, URLResolver, include, path

from blametrail.integrations.sentry.views import connect, connection, deliveries, internal, mappings, overview

_mappings = [
    path("", mappings.mappings, name="mappings"),
    path("new/", mappings.add, name="mapping_new"),
    path("<uuid:mapping>/", mappings.edit, name="mapping_edit"),
    path("<uuid:mapping>/toggle/", mappings.toggle, name="mapping_toggle"),
    path("<uuid:mapping>/delete/", mappings.delete, name="mapping_delete"),
    path("<uuid:mapping>/replay/", mappings.replay, name="mapping_replay"),
]

_connection: list[URLPattern | URLResolver] = [
    path("", connection.connection, name="sentry_connection"),
    path("reconnect/", connect.reconnect, name="sentry_reconnect"),
    path("disconnect/", connection.disconnect, name="sentry_disconnect"),
    path("test/", connection.test, name="sentry_test"),
    path("renew/", connection.renew, name="sentry_renew"),
    path("remove/", connection.remove, name="sentry_remove"),
    path("token/", internal.replace_token, name="sentry_token"),
    path("confirm/", connection.confirm, name="sentry_confirm"),
    path("decline/", connection.decline, name="sentry_decline"),
    path("mappings/", include(_mappings)),
]

_deliveries = [
    path("", deliveries.deliveries, name="deliveries"),
    path("replay-failed/", deliveries.replay_failed, name="deliveries_replay_failed"),
    path("<uuid:delivery>/", deliveries.delivery, name="delivery"),
    path("<uuid:delivery>/replay/", deliveries.replay, name="delivery_replay"),
]

_sentry: list[URLPattern | URLResolver] = [
    path("", overview.sentry, name="sentry"),
    path("connect/", connect.connect, name="sentry_connect"),
    path("internal/", internal.connect, name="sentry_internal"),
    path("deliveries/", include(_deliveries)),
    path("<uuid:connection>/", include(_connection)),
]

urlpatterns = [
    path("integrations/sentry/callback/", connect.callback, name="sentry_callback"),
    path("integrations/sentry/callback/<slug:key>/", connect.callback, name="sentry_callback"),
    path("integrations/sentry/claim/<uuid:held>/", connect.claim, name="sentry_claim"),
    path("o/<slug:organization>/integrations/sentry/", include(_sentry)),
]
