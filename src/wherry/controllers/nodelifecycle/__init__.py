"""Notices nodes that went silent: says so in their status, taints them, marks their pods not ready."""
