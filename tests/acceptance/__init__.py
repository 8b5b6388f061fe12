"""Tests with throw-away PostgreSQL servers."""
