"""Every address of the product."""

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("", include("blametrail.web.urls")),
    path("", include("blametrail.organizations.urls")),
    path("", include("blametrail.catalog.urls")),
    path("", include("blametrail.incidents.urls")),
    path("", include("blametrail.integrations.sentry.urls")),
]
