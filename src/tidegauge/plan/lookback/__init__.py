"""After the flight: what was promised against what came; was it a good case."""
