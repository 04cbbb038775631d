from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from blametrail.web import views

urlpatterns = [
    path("theme/", views.choose_theme, name="theme"),
    # Asked for by everything that shows a page's icon without reading the page.
    path("favicon.ico", RedirectView.as_view(url=static("web/favicon.svg"), permanent=True)),
    path("healthz", views.health, name="health"),
]
