"""What stplay finds around it: the machine, the disk, the Hub, the terminal, and itself."""
