"""Capacity: the highest load at which a service-level objective holds, searched and not guessed."""
