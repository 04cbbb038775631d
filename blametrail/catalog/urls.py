from django.urls import path

from blametrail.catalog import views

urlpatterns = [
    path("o/<slug:organization>/services/", views.services, name="services"),
    path("o/<slug:organization>/services/new/", views.service_new, name="service_new"),
    path("o/<slug:organization>/services/<uuid:service>/", views.service_edit, name="service_edit"),
    path("o/<slug:organization>/services/<uuid:service>/archive/", views.service_archive, name="service_archive"),
    path("o/<slug:organization>/services/<uuid:service>/restore/", views.service_restore, name="service_restore"),
]
