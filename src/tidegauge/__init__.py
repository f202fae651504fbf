"""Tidegauge 验潮: measure the movement, value the creators, plan the roster, prove the gap."""
