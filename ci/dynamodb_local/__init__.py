"""AWS's own DynamoDB engine on this machine, as a second opinion beside the emulator's."""
