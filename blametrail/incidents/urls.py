from django.urls import path

from blametrail.incidents import views

urlpatterns = [
    path("", views.home, name="home"),
]
