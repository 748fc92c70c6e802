"""Keeps as many pods of a template as asked for. Serves ReplicationControllers too: only the kind differs."""
