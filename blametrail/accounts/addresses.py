"""The e-mail addresses that people have, and have proved to read."""

from allauth.account.models import EmailAddress
from django.db.models import QuerySet

from blametrail.accounts.models import User


def verified_of(user: User) -> set[str]:
    """Return the addresses, in lower case, at which this person followed a link we sent."""
    verified = EmailAddress.objects.filter(user=user, verified=True)
    return {email.lower() for email in verified.values_list("email", flat=True)}


def people_with(email: str) -> QuerySet[User]:
    """Return whoever has this address, verified or as their account's own."""
    verified = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user")
    return User.objects.filter(email__iexact=email) | User.objects.filter(pk__in=verified)
