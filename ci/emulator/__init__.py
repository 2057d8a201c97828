"""The embedded AWS: MiniStack with what it lacks. README.md tells what is where."""
