"""What a team runs: services, each in one environment."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from blametrail.lib.ids import new_id
from blametrail.organizations.models import Organization, OwnedByOrganization


class Environment(models.TextChoices):
    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    DEVELOPMENT = "development", "Development"


class ServiceType(models.TextChoices):
    WEB = "web", "Web"
    API = "api", "API"
    WORKER = "worker", "Worker"
    DATABASE = "database", "Database"
    INTERNAL = "internal", "Internal"


class Services(OwnedByOrganization):
    def active(self) -> "Services":
        return self.filter(archived_at=None)


class Service(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="services")
    name = models.CharField(max_length=80)
    environment = models.CharField(max_length=16, choices=Environment.choices, default=Environment.PRODUCTION)
    type = models.CharField(max_length=16, choices=ServiceType.choices, default=ServiceType.WEB)
    url = models.URLField("URL", blank=True, help_text="Where it answers, if anywhere.")
    repository = models.CharField(
        max_length=140,
        blank=True,
        validators=[RegexValidator(r"^[\w.-]+/[\w.-]+$", "Write it as owner/repo.")],
        help_text="As owner/repo.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = Services.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name", "environment"],
                condition=models.Q(archived_at=None),
                name="service_name_once_per_environment",
                violation_error_message="A service with this name and environment exists already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})"
