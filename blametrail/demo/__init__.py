"""The whole product on loopback, playing its story against a stand-in for Sentry."""
