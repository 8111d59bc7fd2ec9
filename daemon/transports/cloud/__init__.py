"""Sends through Meta's Cloud API, the permitted way for campaigns."""
