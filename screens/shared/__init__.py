"""What all screens share: what guards them, what is asked over them, how they are painted."""
