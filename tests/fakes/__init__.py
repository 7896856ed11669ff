"""Implementations for tests that keep the promises of the real ones, in memory."""
