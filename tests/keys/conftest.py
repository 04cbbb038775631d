"""Something to rotate."""

from types import SimpleNamespace

import pytest

from blametrail.lib.encryption import Vault
from tests.keys.sealing import NEW, OLD, seal_one_of_each


@pytest.fixture
def sealed(acme, alice) -> SimpleNamespace:
    return seal_one_of_each(acme, alice)


@pytest.fixture
def rotating(settings) -> Vault:
    """The operator has put a new key in front."""
    settings.VAULT = Vault([NEW, OLD])
    return settings.VAULT
