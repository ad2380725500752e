"""The mutations of what is stored: writes, leases, bounds and bytes."""

from tests.mutations.mutation import Mutation

_RUN = "tests/unit/ingest/test_run.py"
_HTTP = "tests/unit/ingest/test_http.py"
_UPDATE = "tests/unit/state/test_update.py"
_LEASE = "tests/unit/state/test_lease.py"
_DELETE = "tests/unit/s3/test_delete.py"
_LACKING = "tests/unit/s3/test_lacking.py"
_GUARDS = "tests/unit/pipe/test_pipe_guards.py"
_DAMAGE = "tests/unit/inventory/test_inventory_rows.py::test_a_changed_data_file_is_caught"
_REPORT = "tests/unit/jobs/test_jobs_report.py"

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
    Mutation("a throttled request is not repeated", "return status == 429 or status", "return status", (_HTTP,)),
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

STORAGE = (*_WRITES, *_LEASES, *_BOUNDS, *_BYTES)
