"""The runtimes that execute networks, and the pictures that they take."""
