"""Who could be booked: creators, offers, expected views, prices, filters, limits."""
