"""Why connecting did not work, each with what happened, what to do, and whether trying again helps."""

from typing import ClassVar


class ConnectProblem(Exception):
    """Connecting ended without a connection. Subclasses are shown to the person as they are."""

    title: ClassVar[str]
    happened: ClassVar[str]
    remedy: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, said: str = "") -> None:
        super().__init__(said or self.happened)
        self.said = said


class NoApp(ConnectProblem):
    """No Sentry app is configured in this BlameTrail."""

    title = "BlameTrail is not registered with Sentry yet"
    happened = "To connect by OAuth, BlameTrail needs its own registration at Sentry, and none is set up here."
    remedy = "Ask whoever runs this BlameTrail to follow “Register with Sentry” in the operating guide."
    status = 409


class UnknownState(ConnectProblem):
    title = "This answer does not belong to a request of ours"
    happened = "The address you came back with carries a state that BlameTrail did not give out."
    remedy = "Nothing was connected. Start again from your organization's Sentry page."


class UsedState(ConnectProblem):
    title = "This answer was used already"
    happened = "Each connection attempt works once; this one has been used, perhaps by reloading the page."
    remedy = "Look at the Sentry page: the connection may be there. If it is not, start again."


class ExpiredState(ConnectProblem):
    title = "That took too long"
    happened = "A connection attempt is valid for 15 minutes, and this one has run out."
    remedy = "Nothing was connected. Start again; it takes a minute."


class ForeignState(ConnectProblem):
    title = "This attempt was begun by someone else"
    happened = "It was started in another browser, or by another person, and can only be finished there."
    remedy = "Nothing was connected. Start it yourself, in this browser."
    status = 403


class NotAllowed(ConnectProblem):
    title = "Only owners and admins can connect Sentry"
    happened = "You may not configure the organization this was begun for, or no longer may."
    remedy = "Ask an owner or an admin of the organization to connect Sentry."
    status = 403


class Cancelled(ConnectProblem):
    title = "Nothing was connected"
    happened = "The installation was cancelled at Sentry."
    remedy = "If that was not meant, start again and choose Accept & Install."


class Malformed(ConnectProblem):
    title = "Sentry's answer is incomplete"
    happened = "The address you came back with does not name an installation."
    remedy = "Start again. If it happens twice, the redirect address in the Sentry app's settings may be wrong."


class NoCode(ConnectProblem):
    title = "Sentry sent no grant code"
    happened = (
        "The integration is installed in that Sentry organization already, and Sentry gives its grant code only once."
    )
    remedy = (
        "In Sentry, open Settings, Integrations, BlameTrail, and uninstall it. Then connect again. Your mappings and "
        "incidents here stay as they are."
    )


class CodeRefused(ConnectProblem):
    title = "The grant code is no longer valid"
    happened = "Sentry did not accept the code: it was used already, or the ten minutes of its life were over."
    remedy = (
        "In Sentry, open Settings, Integrations, BlameTrail, and uninstall it, as Sentry gives a new code only to "
        "a new installation. Then connect again."
    )


class SentryDown(ConnectProblem):
    title = "Sentry did not answer"
    happened = "Sentry could not be reached, or answered with an error of its own."
    remedy = "Wait a moment, then try again. Nothing is broken here."
    status = 502


class AppRefused(ConnectProblem):
    title = "Sentry does not accept BlameTrail's registration"
    happened = "The client id or the client secret that this BlameTrail is configured with is wrong or deactivated."
    remedy = "Ask whoever runs this BlameTrail to check the Sentry app's client id and secret: blametrail doctor"
    status = 502


class InstallationMissing(ConnectProblem):
    title = "Sentry knows no such installation"
    happened = "It was removed in the meantime, or the address was changed on the way."
    remedy = "Start again from your organization's Sentry page."
    status = 404


class BelongsElsewhere(ConnectProblem):
    title = "This Sentry installation belongs to another organization"
    happened = "One installation feeds exactly one BlameTrail organization, and this one is taken."
    remedy = (
        "To move it, uninstall the integration in Sentry and connect again from here: that makes a new installation. "
        "What the other organization has of it stays there."
    )
    status = 409


class ClaimOver(ConnectProblem):
    title = "This installation can no longer be claimed"
    happened = "The grant code that came with it lives for ten minutes, or it was claimed already."
    remedy = (
        "In Sentry, open Settings, Integrations, BlameTrail, and uninstall it. Then connect from your organization's "
        "Sentry page."
    )
