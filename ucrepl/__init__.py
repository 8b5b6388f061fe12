"""ucrepl keeps Odoo databases in step: triggers, a journal, and a set-based replay of it."""

__version__ = "0.1.0"
