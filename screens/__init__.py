"""What people see: the app, its screens and their widgets. Nothing here imports torch."""
