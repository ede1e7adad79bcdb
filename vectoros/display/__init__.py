"""Ways for a person to see the screen."""
