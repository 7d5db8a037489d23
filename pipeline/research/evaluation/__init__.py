"""How good is it: labelled clips of a user's own, and the protocols of the public datasets."""
