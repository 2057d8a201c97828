"""One module per function: an `Application`, made from settings and AWS clients, handles whole batches."""
