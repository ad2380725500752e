"""The function that rotates the password of the stage's database."""
