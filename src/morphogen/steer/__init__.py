"""Systems over grids of parameters (`sweep`)."""
