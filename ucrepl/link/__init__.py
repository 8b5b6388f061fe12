"""What can be done with a node and with a link."""
