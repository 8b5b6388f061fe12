"""Shared ids: nodes whose sequences are interleaved, so that the same id means the same record on all of them."""
