"""The broker's protocol without I/O: text in, events and text to send out."""
