"""The airports of the United States, from the API that `make demo` starts on this machine (local/demo/api.py)."""

from brigade.ingest import ApiSource, Cursor

SOURCE = ApiSource(
    base_url="http://127.0.0.1:4701",
    path="/data/airports.json",
    parameters={"_shape": "objects", "_size": "500"},
    records="rows",
    pagination=Cursor(at="next", parameter="_next"),
    page_limit=20,
    schedule="cron(30 5 * * ? *)",
    time_zone="America/Chicago",
    local_only=True,
)
