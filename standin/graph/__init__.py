"""Stand-in for WhatsApp's Cloud API (Meta's Graph API): strict where Meta is, with every failure on demand."""
