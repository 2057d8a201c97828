"""A release: the templates, and one zip with the code of all functions, named by a hash of their bytes."""
