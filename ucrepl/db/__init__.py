"""Connections, catalogs, the SQL files, and what to do about an error."""
