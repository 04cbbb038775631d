from django.urls import include, path

from blametrail.organizations import invitation_views, views

_settings = [
    path("", views.organization_settings, name="organization_settings"),
    path("members/", views.members, name="members"),
    path("members/<int:member>/role/", views.member_role, name="member_role"),
    path("members/<int:member>/remove/", views.member_remove, name="member_remove"),
    path("leave/", views.leave, name="organization_leave"),
    path("transfer/", views.transfer, name="organization_transfer"),
    path("invitations/", invitation_views.invite, name="invite"),
    path("invitations/<uuid:invitation>/resend/", invitation_views.invitation_resend, name="invitation_resend"),
    path("invitations/<uuid:invitation>/revoke/", invitation_views.invitation_revoke, name="invitation_revoke"),
    path("audit/", views.audit_log, name="audit"),
]

urlpatterns = [
    path("organizations/new/", views.organization_new, name="organization_new"),
    path("organizations/new/address/", views.slug_suggestion, name="organization_slug_suggestion"),
    path("invitations/<str:token>/", invitation_views.invitation_accept, name="invitation_accept"),
    path("invitations/<uuid:invitation_id>/join/", invitation_views.invitation_join, name="invitation_join"),
    path("o/<slug:organization>/", views.organization_home, name="organization_home"),
    path("o/<slug:organization>/settings/", include(_settings)),
]
