"""What the command line does beyond parsing: one file a command."""
