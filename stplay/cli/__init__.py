"""The front door without the app: the commands, and what they print."""
