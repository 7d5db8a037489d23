"""Training gait networks: datasets, samplers, losses and the Lightning module. Nothing of `gait run` imports this."""
