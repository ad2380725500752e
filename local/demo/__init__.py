"""A demonstration of the product on real input, on the local AWS."""
