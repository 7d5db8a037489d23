"""`gait bench`: how fast this machine is, and how fast a search in a gallery."""
