"""Rolls a Deployment's pods over from replica set to replica set, one a template."""
