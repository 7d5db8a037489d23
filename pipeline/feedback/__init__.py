"""Learning from a person: what they say of a run's answers, who keeps coming without a name, who may be one or two."""
