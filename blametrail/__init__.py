"""BlameTrail: a self-hostable incident platform for teams that use Sentry."""
