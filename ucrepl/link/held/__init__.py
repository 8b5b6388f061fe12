"""Changes that have no place on the target: tables and columns that the source has and the target has not."""
