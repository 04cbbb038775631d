"""Make a person an operator of this installation, from the command line."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from blametrail.accounts.models import User


class NotUsable(Exception):
    """The address or the password cannot be used; the message says why."""


@transaction.atomic
def promote(email: str) -> bool:
    """Make the person with this address an operator; tell whether there is one."""
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        return False
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    _verify(user)
    return True


@transaction.atomic
def create(email: str, *, password: str, name: str) -> User:
    """Make an account with a verified address. Raises NotUsable."""
    try:
        validate_email(email.strip())
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        raise NotUsable(" ".join(error.messages)) from None
    user = User.objects.create_superuser(email, password, name=name)
    _verify(user)
    return user


def _verify(user: User) -> None:
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
