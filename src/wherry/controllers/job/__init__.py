"""Runs pods to completion: so many successes, so many failures, by index if asked for."""
