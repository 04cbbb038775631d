from django.urls import include, path

from blametrail.integrations import views

urlpatterns = [
    path("o/<slug:organization>/integrations/", views.integrations, name="integrations"),
    path("", include("blametrail.integrations.sentry.urls")),
]
