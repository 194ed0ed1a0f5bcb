"""What vendors do wrong, and what becomes of a sync then."""
