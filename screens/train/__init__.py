"""The Train screen and its views."""
