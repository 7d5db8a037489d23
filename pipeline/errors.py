"""The errors that a user sees. Each says what is wrong, which file or setting, and what to do about it."""


class GaitError(Exception):
    """Base of all errors that a user can do something about. The command line shows it as one line, exit status 2."""


class InputError(GaitError):
    """A video, image folder or stream that cannot be used."""


class CheckpointError(GaitError):
    """A checkpoint that is missing, damaged, unsafe or made for something else."""


class ConfigError(GaitError):
    """A configuration or command-line value that makes no sense."""


class OutputError(GaitError):
    """The output folder cannot be written (permissions, disk full)."""


class Interrupted(GaitError):  # noqa: N818 - nothing is wrong
    """Ctrl-C or SIGTERM stopped a command; it says how to go on. Exit status 130."""


class GalleryError(GaitError):
    """A gallery of enrolled people that is missing, damaged, of another encoder, or without what is looked up in it."""
