"""The wire itself: byte streams, websocket, REST.  The only importers of their libraries."""
