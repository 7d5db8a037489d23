"""Made-up walkers: pictures of people who do not exist, to measure and to show with."""
