"""The Evaluate screen and its views."""
