"""A stand-in for WhatsApp Web: one page, one server, nothing leaves this machine."""
