"""What changes what is deployed: artifacts, plans, rollouts, protection, removal."""
