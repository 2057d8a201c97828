"""Bugs made on purpose: each changes one piece of the functions, and a fast test must notice it."""
