"""Orders that try a deployment from end to end."""
