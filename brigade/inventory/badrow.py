"""A row of a data file that is not what S3 writes."""


class BadRow(Exception):
    """What is wrong with row number ``row`` of what was parsed, counted from 0."""

    def __init__(self, row: int, wrong: str) -> None:
        super().__init__(wrong)
        self.row = row
