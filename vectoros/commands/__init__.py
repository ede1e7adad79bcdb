"""The subcommands of ``vectoros``: one module each, whose docstring is its manual page."""
