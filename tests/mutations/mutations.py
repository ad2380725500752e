"""The mutations: each one breaks a central promise at one place in the code, and its tests must notice.

A mutation is found by its text, so a moved file changes nothing here. If the code at that place changes, change the
text with it.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    """A change that breaks a promise.

    Attributes:
        name: What the changed code does wrong.
        text: A text that occurs exactly once under `brigade/`, `lambdas/` and `stacks/`.
        replacement: What replaces it.
        tests: Files or ids of tests. At least one test in them must fail.
    """

    name: str
    text: str
    replacement: str
    tests: tuple[str, ...]


_RUN = "tests/unit/ingest/test_run.py"
_HTTP = "tests/unit/ingest/test_http.py"
_DATES = "tests/unit/ingest/test_incremental_dates.py"
_UPDATE = "tests/unit/state/test_update.py"
_LEASE = "tests/unit/state/test_lease.py"
_DELETE = "tests/unit/s3/test_delete.py"
_LACKING = "tests/unit/s3/test_lacking.py"
_GUARDS = "tests/unit/pipe/test_pipe_guards.py"
_DAMAGE = "tests/unit/inventory/test_inventory_rows.py::test_a_changed_data_file_is_caught"
_MANIFEST = "tests/unit/jobs/test_jobs_manifest.py"
_REPORT = "tests/unit/jobs/test_jobs_report.py"
_SUBMIT = "tests/unit/jobs/test_jobs_submit.py"
_LIMITS = "tests/unit/jobs/test_jobs_recur.py::test_a_job_over_a_limit_waits_for_a_confirmation"
_MASKING = "tests/unit/test_masking.py"
_GRANTS = "tests/stacks/test_grants.py"

_WRITES = (
    Mutation("a new object is written over an old one", '{"IfNoneMatch": "*"}', "{}", (_UPDATE,)),
    Mutation(
        "a changed object is written over", '{"IfMatch": condition.etag}\n    return', "{}\n    return", (_UPDATE,)
    ),
    Mutation(
        "an upload is completed over another object",
        "            **self._whole(parts),\n            **condition_arguments(condition),\n",
        "            **self._whole(parts),\n",
        (_RUN,),
    ),
    Mutation("a changed object is deleted", '{"IfMatch": condition.etag} if condition else {}', "{}", (_DELETE,)),
    Mutation(
        "an object that exists is no lost condition",
        "if isinstance(condition, Absent) and current:",
        "if isinstance(condition, Absent) and not current:",
        (_UPDATE,),
    ),
    Mutation(
        "an object with another ETag is no lost condition",
        "(current is None or not same_etag(current.etag, condition.etag))",
        "current is None",
        (_DELETE,),
    ),
    Mutation(
        "the object of another writer counts as our write",
        "if current and current.metadata.get(TOKEN) == token:",
        "if current and current.metadata.get(TOKEN):",
        (_UPDATE,),
    ),
    Mutation(
        "a server that ignores conditions is trusted",
        "        return None if refused else",
        "        return None if refused or probe else",
        ("tests/unit/s3/test_probe.py",),
    ),
    Mutation(
        "an update replaces a document of any version",
        "condition=Matches(got.etag) if got else Absent(),\n                    content_type",
        "condition=None,\n                    content_type",
        (_UPDATE,),
    ),
    Mutation(
        "an update with a lost answer happens twice",
        "if not error.certain and (entry :=",
        "if error.certain and (entry :=",
        (_UPDATE,),
    ),
    Mutation(
        "a member that occurs twice is accepted",
        "            check_unique_members(got.body, what)\n",
        "",
        ("tests/unit/state/test_read.py",),
    ),
)

_LEASES = (
    Mutation("a lease ends a second early", "age - _CLOCK_S < lease.seconds", "age < lease.seconds", (_LEASE,)),
    Mutation("the epoch does not grow", "Lease(lease.epoch + 1, holder", "Lease(lease.epoch, holder", (_LEASE,)),
    Mutation("a release forgets the epoch", "    return Lease(lease.epoch)\n", "    return Lease()\n", (_UPDATE,)),
    Mutation(
        "a process of another namespace counts as gone",
        "or (parts[2], parts[3]) != _namespace():",
        "or not parts[3]:",
        (_LEASE,),
    ),
    Mutation("a lease has no margin", "_LEASE_MARGIN_S = 30.0", "_LEASE_MARGIN_S = 0.0", (_RUN,)),
    Mutation("a lease lasts as long as a day", "min(self.remaining(), _LONGEST_LEASE_S)", "self.remaining()", (_RUN,)),
    Mutation(
        "two runs acquire the same lease",
        "replace(begun, lease=lease), condition)",
        "replace(begun, lease=lease), None)",
        (_RUN,),
    ),
    Mutation(
        "a run that was overtaken writes its receipt",
        "if found.get(target.checkpoint) != entry.version:",
        "if not entry.version:",
        (_RUN,),
    ),
)

_BOUNDS = (
    Mutation(
        "a pause grows without a limit",
        "min(first * 2**attempt, longest)",
        "first * 2**attempt",
        ("tests/unit/test_retry.py",),
    ),
    Mutation(
        "a page gets one attempt less",
        "attempt in range(1, self.source.tries + 1):\n            self._keep",
        "attempt in range(1, self.source.tries):\n            self._keep",
        (f"{_HTTP}::test_an_api_is_asked_as_often_as_tries_says[3]",),
    ),
    Mutation("a throttled request is not repeated", '"retry" if status == 429 or', '"retry" if', (_HTTP,)),
    Mutation("a wait uses the last seconds of a run", "_SPARE_S = 86400.0, 5.0", "_SPARE_S = 86400.0, 0.0", (_HTTP,)),
    Mutation(
        "a run does not stop for its slowest part",
        "_RESERVE_S + 2 * (slowest + writer.slowest_part)",
        "_RESERVE_S + 2 * slowest",
        (_RUN,),
    ),
    Mutation(
        "a run leaves time for one page only",
        "_RESERVE_S + 2 * (slowest + writer.slowest_part)",
        "_RESERVE_S + (slowest + writer.slowest_part)",
        (_RUN,),
    ),
    Mutation(
        "a rate admits one request more",
        "if len(self._asked) >= rate.requests:",
        "if len(self._asked) > rate.requests:",
        ("tests/unit/ingest/test_rules.py::test_the_rate_is_kept",),
    ),
)

_BYTES = (
    Mutation(
        "a wrong checksum is accepted",
        "None if found == self._expected",
        "None if found",
        ("tests/unit/pipe/test_verify.py",),
    ),
    Mutation(
        "the last block is yielded before it is verified",
        "                self._compare(check)\n            for begin in range(0, len(block), _PIECE):",
        "                yield block\n                self._compare(check)\n                return\n"
        "            for begin in range(0, len(block), _PIECE):",
        ("tests/unit/pipe/test_verify.py",),
    ),
    Mutation(
        "an input that is too short is published",
        "self.bytes != self.size:",
        "self.bytes > self.size:",
        ("tests/unit/pipe/test_pieces.py",),
    ),
    Mutation(
        "a trailer that is missing is not missed",
        "if self.trailer and self.trailer not in self._tail:",
        "if self.trailer and not self.trailer:",
        ("tests/unit/pipe/test_pieces.py",),
    ),
    Mutation(
        "bytes of another version are accepted",
        'not same_etag(answer["ETag"], etag)',
        'not answer["ETag"]',
        (_LACKING,),
    ),
    Mutation(
        "bytes of another range are accepted",
        "if status != 206 or given[:2] != (",
        "if status != 206 and given[:2] != (",
        (_LACKING,),
    ),
    Mutation(
        "another upload is resumed",
        "if before is not None and before != now:",
        "if before is None and now is None:",
        (_GUARDS,),
    ),
    Mutation("a damaged inventory file is read", "if digest.hexdigest() != file.md5:", "if not file.md5:", (_DAMAGE,)),
    Mutation(
        "a damaged inventory manifest is read",
        "        if checksum != found:\n",
        "        if not checksum:\n",
        ("tests/unit/inventory/test_inventory_manifest.py",),
    ),
    Mutation("a damaged report is read", "if digest.hexdigest() != md5.strip().lower():", "if not md5:", (_REPORT,)),
    Mutation(
        "parts in the wrong order get a receipt", "if chain.value != done.digest:", "if not chain.value:", (_RUN,)
    ),
)

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

MUTATIONS = (*_WRITES, *_LEASES, *_BOUNDS, *_BYTES, *_DECODINGS, *_RUNS, *_SECRETS, *_JOBS, *_STACKS)
