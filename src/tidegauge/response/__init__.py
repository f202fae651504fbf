"""What placements did: the short response, the brand stock, the look back. Needs the extra `response` to fit."""
