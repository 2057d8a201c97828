"""What an account lacks before a deployment: facts from AWS, and pure checks of them."""
