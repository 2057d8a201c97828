"""The domain: from an order event to one tracked email. Pure decisions, with AWS behind small adapters."""
