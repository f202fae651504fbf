"""A budget over streams of spend, by what the response model has learned."""
