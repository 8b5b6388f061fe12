"""The daemon: one thread a link, signals, systemd, logs."""
