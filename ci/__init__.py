"""Build, emulator and checks: what a pipeline runs."""
