"""The heart: claims, moves, rescues; only here is a message's state written."""
