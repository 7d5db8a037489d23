"""Ray: whole videos, and stretches of long ones, on many machines."""
