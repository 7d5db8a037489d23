"""What a training is fed with: data sets, sampling, transforms."""
