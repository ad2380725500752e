"""The mutations of the trades: decodings, runs, secrets, jobs and permissions."""

from tests.mutations.mutation import Mutation

_RUN = "tests/unit/ingest/test_run.py"
_DATES = "tests/unit/ingest/test_incremental_dates.py"
_MANIFEST = "tests/unit/jobs/test_jobs_manifest.py"
_REPORT = "tests/unit/jobs/test_jobs_report.py"
_SUBMIT = "tests/unit/jobs/test_jobs_submit.py"
_LIMITS = "tests/unit/jobs/test_jobs_recur.py::test_a_job_over_a_limit_waits_for_a_confirmation"
_MASKING = "tests/unit/test_masking.py"
_GRANTS = "tests/stacks/test_grants.py"

_DECODINGS = (
    Mutation(
        "a manifest's key has no slashes",
        'quote_plus(key, safe="/")',
        'quote_plus(key, safe="")',
        (_MANIFEST,),
    ),
    Mutation(
        "a key that is not UTF-8 becomes another",
        'unquote_plus(key_text, errors="strict")',
        "unquote_plus(key_text)",
        (_MANIFEST,),
    ),
    Mutation(
        "an escape is escaped twice",
        "for byte in odd - {_PERCENT, _SPACE}:",
        "for byte in odd - {_SPACE}:",
        (_MANIFEST,),
    ),
    Mutation(
        "a task's key keeps its plus",
        'unquote_plus(self.key_text, errors="strict")',
        "self.key_text",
        ("tests/unit/operations/test_operations_invocation.py",),
    ),
    Mutation(
        "a line of CSV ends at a carriage return",
        '(rest + piece).split(b"\\n")',
        "(rest + piece).splitlines()",
        (_MANIFEST,),
    ),
    Mutation(
        "an inventory key keeps its plus",
        "np.uint8(_PLUS - _SPACE)",
        "np.uint8(0)",
        ("tests/unit/inventory/test_inventory_rows.py::test_odd_keys_are_exact",),
    ),
    Mutation(
        "a status of a report is taken for its code",
        "numbers == [False, True] else",
        "numbers == [True, False] else",
        (_REPORT,),
    ),
    Mutation(
        "a byte order mark becomes part of a bucket",
        'record[0].startswith("\\ufeff")',
        'record[0].endswith("\\ufeff")',
        (_MANIFEST,),
    ),
)

_RUNS = (
    Mutation(
        "a resumed run loses its tail", "self._buffer = bytearray(begun.tail)", "self._buffer = bytearray()", (_RUN,)
    ),
    Mutation(
        "a resumed run starts at the first page",
        "        next=start.next,\n        done=False,",
        "        next=None,\n        done=False,",
        (_RUN,),
    ),
    Mutation(
        "a resumed run forgets its records",
        "records=checkpoint.records,\n            broken",
        "records=0,\n            broken",
        (_RUN,),
    ),
    Mutation(
        "a resumed run forgets the epoch of its lease",
        "acquire(begun.lease, holder, seconds,",
        "acquire(type(begun.lease)(0, begun.lease.holder, begun.lease.seconds), holder, seconds,",
        (_RUN,),
    ),
    Mutation(
        "an object is published without a condition",
        "condition = Matches(done.replaces) if done.replaces else Absent()",
        "condition = None",
        (_RUN,),
    ),
    Mutation(
        "a replacement goes on over another object",
        "if begun.replaces and begun.replaces != found:",
        "if begun.replaces and not found:",
        (_RUN,),
    ),
    Mutation(
        "the quarantine is not written", "        write_quarantine(self.s3, self.target, writer.entry)\n", "", (_RUN,)
    ),
    Mutation("a date in the future is read", "    if date > tomorrow:\n", "    if not tomorrow:\n", (_DATES,)),
    Mutation(
        "a date before a published one is read", "if dates and dates[-1] > date:", "if dates and not date:", (_DATES,)
    ),
    Mutation("a date begins while another is not published", "if entry.age < patience_s or (", "if (", (_DATES,)),
    Mutation(
        "20261122 is a date",
        "datetime.date.fromisoformat(text).isoformat() == text",
        "bool(datetime.date.fromisoformat(text))",
        ("tests/unit/ingest/test_dates.py",),
    ),
)

_SECRETS = (
    Mutation("a secret in base64 is shown", "found += [core for value", "_ = [core for value", (_MASKING,)),
    Mutation(
        "an escaped character of a secret is shown",
        '%(?:25)*".join(["", *(f"{byte:02x}" for byte in packed)])',
        '%".join(["", *(f"{byte:02x}" for byte in packed)])',
        (_MASKING,),
    ),
    Mutation("a text is cut before it is masked", "head = data[:_HEAD]", "head = data[:length]", (_MASKING,)),
    Mutation(
        "a password of a database is shown",
        "if name.lower() not in _PUBLIC:",
        "if name.lower() in _PUBLIC:",
        (_MASKING,),
    ),
    Mutation(
        "credentials follow a redirect",
        "remove_headers_on_redirect=secret",
        "remove_headers_on_redirect=set()",
        ("tests/unit/ingest/test_rules.py::test_who_asks_is_in_a_header_but_of_no_other_host",),
    ),
)

_JOBS = (
    Mutation(
        "a job over its price starts",
        "(dollars := quote.dollars()) > limits.most_dollars",
        "(dollars := quote.dollars()) > 1e9",
        (_LIMITS,),
    ),
    Mutation(
        "a job over its objects starts",
        "if objects > limits.most_objects:",
        "if objects > 2 * limits.most_objects:",
        (_LIMITS,),
    ),
    Mutation("a job over a limit is not confirmed", "confirm=over is not None", "confirm=False", (_LIMITS,)),
    Mutation(
        "the price leaves out the objects",
        "objects / 1e6 * price.million_objects)",
        "objects / 1e9 * price.million_objects)",
        ("tests/unit/jobs/test_jobs_price.py",),
    ),
    Mutation(
        "a job that S3 lists starts at once",
        'place, SelectionSummary(bytes=None), {"ManifestGenerator": generator}, confirm=True',
        'place, SelectionSummary(bytes=None), {"ManifestGenerator": generator}',
        (_SUBMIT,),
    ),
    Mutation(
        "a manifest is written before the answer",
        "        agree(summary)\n    manifest",
        "    agree(summary)\n    manifest",
        (_SUBMIT,),
    ),
    Mutation(
        "a job is retried twice at once",
        'if f" over {retry_description(job)} [" in found.description:',
        "if not found.description:",
        (_SUBMIT,),
    ),
    Mutation(
        "nobody is asked and the job starts",
        "if not yes and not sys.stdin.isatty():",
        "if not yes and not sys.stdin:",
        ("tests/unit/test_confirm.py",),
    ),
)

_STACKS = (
    Mutation(
        "the operator writes any key of the lake",
        'allow_objects(self, lake, ["*"], "s3:GetObject")',
        'allow_objects(self, lake, ["*"], "s3:GetObject", "s3:PutObject")',
        (f"{_GRANTS}::test_the_operator_may_do_this_and_nothing_else",),
    ),
    Mutation(
        "a source writes into other sources",
        'allow_objects(role, lake, [f"{folder}*"]',
        'allow_objects(role, lake, ["*"]',
        (f"{_GRANTS}::test_a_role_may_do_this_and_nothing_else",),
    ),
    Mutation(
        "another account assumes the job role",
        'conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}',
        "conditions=None",
        (f"{_GRANTS}::test_only_batch_operations_of_this_account_takes_the_job_role",),
    ),
    Mutation(
        "a bucket takes plain HTTP",
        "enforce_ssl=True,\n            block",
        "enforce_ssl=False,\n            block",
        ("tests/stacks/test_storage.py::test_every_bucket_is_private_owned_encrypted_and_over_tls_only",),
    ),
)

TRADES = (*_DECODINGS, *_RUNS, *_SECRETS, *_JOBS, *_STACKS)
