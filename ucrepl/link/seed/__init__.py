"""Brings the target of a link to the state of its source: pairs what both have, copies what is not there."""
