"""What a process of the engine is to its machine, and how far its work is."""
