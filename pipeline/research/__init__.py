"""The wing that nothing on the path of `gait run` enters: training, evaluation, made-up people, benchmarks."""
