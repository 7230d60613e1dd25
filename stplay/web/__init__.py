"""The app in a browser: who may come in, a process a window, and the page of it."""
