from django.urls import path

from blametrail.incidents import views

urlpatterns = [
    path("", views.home, name="home"),
    path("o/<slug:organization>/incidents/", views.incidents, name="incidents"),
    path("o/<slug:organization>/incidents/new/", views.incident_new, name="incident_new"),
    path("o/<slug:organization>/incidents/<int:number>/", views.incident, name="incident"),
    path(
        "o/<slug:organization>/incidents/<int:number>/acknowledge/",
        views.incident_acknowledge,
        name="incident_acknowledge",
    ),
    path("o/<slug:organization>/incidents/<int:number>/resolve/", views.incident_resolve, name="incident_resolve"),
    path("o/<slug:organization>/incidents/<int:number>/reopen/", views.incident_reopen, name="incident_reopen"),
    path("o/<slug:organization>/incidents/<int:number>/comment/", views.incident_comment, name="incident_comment"),
]
