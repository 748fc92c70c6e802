"""What the audit log decides: levels, events, old files. No effects."""
