"""The engine: the only room that waits."""
