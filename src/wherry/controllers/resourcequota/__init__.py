"""Adds up what counts against each ResourceQuota."""
