"""The operators' command line, `notify`."""
