"""The Explore screen and its views."""
