"""What was set aside: looking at it, sending it on, giving it up."""
