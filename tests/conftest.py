"""Fixtures for every test: the API server in process."""

pytest_plugins = ["wherry.testing.plugin"]
