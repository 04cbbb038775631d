"""The pages of Organization > Integrations > Sentry. Edges only: each translates, and makes one domain call."""
