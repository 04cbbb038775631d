from django.urls import path

from blametrail.web import views

urlpatterns = [
    path("theme/", views.choose_theme, name="theme"),
    path("healthz", views.health, name="health"),
]
