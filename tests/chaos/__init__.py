"""Faults of all kinds, on many orders, from outside: nothing may be lost and nothing sent twice."""
