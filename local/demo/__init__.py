"""The product shown on real input, on the AWS of this machine."""
