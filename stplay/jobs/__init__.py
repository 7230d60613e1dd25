"""Work that outlives whoever started it: its events, its process, its folder."""
