"""What is asked for: the brief, its words and its errors."""
