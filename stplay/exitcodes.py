"""The exit codes of the commands and of the processes that work for them."""

FINISHED = 0
FAILED = 1  # the work, or we ourselves
WRONG_INPUT = 2  # a mistake that a user can mend, told in one sentence
INTERRUPTED = 130  # asked to stop, as a shell tells of Ctrl+C

NOTHING_STARTED = "stplay: Interrupted; nothing was started."
