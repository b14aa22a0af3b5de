"""The command line: arguments, environment, terminal and exit codes. Only this package reads the environment."""
