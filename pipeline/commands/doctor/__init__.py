"""`gait doctor`: what this machine has and lacks, and what a video is."""
