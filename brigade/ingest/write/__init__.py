"""Writers: from pages of records to published objects."""
