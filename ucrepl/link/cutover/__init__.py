"""Moves all writing from one side of a link to the other, and back; what it did stands on both sides."""
