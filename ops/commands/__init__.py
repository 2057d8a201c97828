"""The commands of `notify`: each module parses arguments, calls one thing and shows the answer."""
