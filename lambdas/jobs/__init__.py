"""What follows a delivery of the inventory, or the end of a job: each with nobody watching."""
