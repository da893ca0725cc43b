"""Structure: order found in data, each instrument against a null that has none."""
