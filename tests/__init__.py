"""The tests, and in `bench` what is measured; they run with the installed `ucrepl`."""
