"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path

from blametrail import metrics

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("operator/", admin.site.urls),
    path("metrics", metrics.show, name="metrics"),
    path("", include("blametrail.web.urls")),
    path("", include("blametrail.organizations.urls")),
    path("", include("blametrail.catalog.urls")),
    path("", include("blametrail.incidents.urls")),
    path("", include("blametrail.integrations.urls")),
]

handler400 = "blametrail.web.errors.bad_request"
handler403 = "blametrail.web.errors.forbidden"
handler404 = "blametrail.web.errors.not_found"
handler500 = "blametrail.web.errors.server_error"
