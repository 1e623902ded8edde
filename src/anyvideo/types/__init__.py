"""Frozen values that import nothing of ours."""
