"""Trainings on other machines, watched through the system's own ssh."""
