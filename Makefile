# Two commands do all: `make demo` and `make test`. Each sets up what is missing.
.DEFAULT_GOAL := help
.PHONY: help demo check test judge coverage lint mutate local deploy bench clean setup lock grants bench-inventory bench-ingest chaos-ingest bench-jobs bench-pipe bench-database soak-jobs soak-pipe chaos-pipe

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

demo:  ## the whole product on an AWS of this machine, from deploy to retried job
	@scripts/setup command local demo
	@.venv/bin/python -m local.demo.run

check: setup lint  ## lint, and the tests that start no process: a few minutes
	@scripts/test --numprocesses 2 --dist loadfile -m "not process" tests/unit tests/stacks

test: setup lint  ## lint, then every test
	@scripts/test

judge: setup  ## twenty times as many generated examples, new ones each time, before every judge
	@HYPOTHESIS_PROFILE=search scripts/test --numprocesses 2 --dist loadfile -m hypothesis tests/judges tests/unit tests/database

coverage: setup  ## branches of brigade/ and lambdas/ that the tests without a local AWS run
	@scripts/test --numprocesses 2 --dist loadfile --cov --cov-report=term tests/unit tests/judges tests/database

lint: setup  ## format, lint, types, floors
	@scripts/lint

local:  ## the same as the demo, left running to play with
	@scripts/setup command local demo
	@.venv/bin/python -m local.demo.run --stay

deploy:  ## deploy to the AWS account of your credentials: make deploy STAGE=prod
	@scripts/setup command
	@scripts/node cdk deploy --all -c stage=$(or $(STAGE),dev)

bench-ingest: setup  ## ingest beside dlt, smart_open, s3fs and plain scripts
	@.venv/bin/python -m benchmarks.ingest

mutate: setup  ## break central promises one at a time, and show the test that notices each
	@.venv/bin/python -m tests.mutations

chaos-ingest: setup  ## 1,000 SIGKILLs of an ingest at seeded moments
	@.venv/bin/python -m tests.local.ingest_chaos --kills 1000

bench-inventory: setup  ## inventory beside the csv module, DuckDB and pyarrow: time, memory
	@.venv/bin/python -m benchmarks.inventory

bench-jobs: setup  ## jobs beside plain csv loops: manifests, reports, handler
	@.venv/bin/python -m benchmarks.jobs

bench: bench-ingest bench-inventory bench-jobs bench-pipe bench-database  ## every benchmark there is, with its table

grants: setup  ## take every grant away in turn and show what fails
	@BRIGADE_EVERY_GRANT=1 scripts/test tests/local/test_grants.py tests/local/test_grants_key.py tests/local/test_inventory_deployed.py -v

clean:  ## stop the local AWS and remove everything that was made here
	@[ ! -x .venv/bin/brigade ] || .venv/bin/brigade local down >/dev/null 2>&1 || true
	rm -rf .brigade .venv node_modules cdk.out

setup:
	@scripts/setup command dev local demo

lock:
	@scripts/lock

bench-pipe: setup  ## pipes beside s5cmd, aws, obstore, boto3 and smart_open: CPU, time, memory
	@.venv/bin/python benchmarks/pipe.py

bench-database: setup  ## a table beside psycopg's fetchall and dlt: time, memory at ten million rows
	@.venv/bin/python -m benchmarks.database

soak-jobs: setup  ## a job of 100,000 tasks on the local AWS, in flat memory
	@.venv/bin/python -m benchmarks.jobs_soak

soak-pipe: setup  ## 200 GiB of zeros into a server that keeps nothing, in flat memory
	@.venv/bin/python benchmarks/pipe_soak.py

chaos-pipe: setup  ## kills at random moments, a server that dies and comes back
	@scripts/test tests/pipe/chaos_pipe.py
