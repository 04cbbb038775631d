"""A stand-in for Sentry that speaks real HTTP on its own port."""
