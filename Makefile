# hiscore: what there is to do. `make` alone tells.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
CARGO := cargo
LISTEN ?= 127.0.0.1:8080
DATA ?= data
simulate-faults: SEEDS ?= 0..2000

.PHONY: help run release test chaos simulate-faults deny fuzz bench bench-curves bench-direct bench-log bench-reference soak web tools clean deploy undeploy logs test-deploy

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

run: release ## build all, start the server with players on it, and print where the score board is
	@LISTEN=$(LISTEN) DATA=$(DATA) scripts/run.sh

release: web ## target/release/hiscore, the page inside
	@$(CARGO) build --release --locked -p hiscore

web: ## web/dist, the page
	@scripts/tools.sh build
	scripts/web.sh

test: ## everything: format, lint, unit, conformance, faults, API audits, browser
	@scripts/test.sh

chaos: release ## plays while it breaks everything, and checks every answer; PROFILE=embedded,direct,logged,logged-rabbitmq,direct-cluster MINUTES= SECONDS=60 SEED=1 SEEDS=1 FAULTS=kill,... SCHEDULE=FILE RATE=300 FACTOR=1 OLD=FILE JSON=FILE
	@scripts/servers.sh all
	HISCORE_BIN=$${CARGO_TARGET_DIR:-target}/release/hiscore $(CARGO) run --quiet --locked -p hiscore-chaos -- --profile "$(PROFILE)" --minutes "$(MINUTES)" --seconds "$(SECONDS)" --seed "$(SEED)" --seeds "$(SEEDS)" --faults "$(FAULTS)" --schedule "$(SCHEDULE)" --rate "$(RATE)" --old "$(OLD)" --factor "$(FACTOR)" --json "$(JSON)"

simulate-faults: ## our roles in one thread on simulated servers and time, by seeds that repeat: SEEDS=0..2000 (one number: told line by line) PROFILE=direct|logged (both)
	@$(CARGO) run --quiet --locked --release -p hiscore-schedules -- "$(PROFILE)" "$(SEEDS)"

deny: ## licences, sources and bans of what we depend on
	@scripts/tools.sh deny
	$(CARGO) deny --locked check bans licenses sources

fuzz: ## looks for bytes that do harm to whatever reads any: MINUTES=10 for each target, or TARGET=entry alone
	@MINUTES="$(MINUTES)" TARGET="$(TARGET)" scripts/fuzz.sh

bench: release ## durable submissions, bulks and reads, beside Redis in the same run; then ten million players beside ten thousand (3 GiB); then 5,000 subscribers
	@scripts/tools.sh bench
	$(CARGO) build --release --locked -p hiscore-api --example subscribers --example echo
	python3 bench/run.py
	python3 bench/scale.py --players 10000000
	python3 bench/subscribers.py

bench-log: release ## submissions through Kafka, beside Kafka's own producer tool on the same broker in the same run
	@scripts/tools.sh bench
	scripts/servers.sh all
	(cd bench/reference && npm ci)
	$(CARGO) build --release --locked -p hiscore-rank --example redis_batch
	python3 bench/run_log.py

bench-curves: release ## how cost grows over load and size; draws docs/plots
	@scripts/tools.sh bench
	$(CARGO) build --release --locked -p hiscore-rank --example in_process
	python3 bench/curves.py

bench-direct: release ## the direct profile, beside a bare script in Redis in the same run
	@scripts/tools.sh bench
	scripts/servers.sh all
	(cd bench/reference && npm ci)
	python3 bench/run_direct.py

bench-reference: release ## beside the reference design, on the same Redis and MongoDB in the same run
	@scripts/tools.sh bench
	scripts/servers.sh all
	(cd bench/reference && npm ci)
	python3 bench/run_reference.py

soak: release ## MINUTES=60 of 20 times the reference's load, MongoDB paused three times: nothing may grow, nothing be lost
	@scripts/tools.sh bench
	scripts/servers.sh mongo
	(cd bench/reference && npm ci)
	python3 bench/soak.py --minutes "$(or $(MINUTES),60)"

deploy: ## all of it in Docker, on Redis and MongoDB; PROFILE=kafka (or rabbitmq) behind a log, MONITORING=1 with Grafana, SCALE="--scale ingest=3"
	@PROFILE="$(PROFILE)" MONITORING="$(MONITORING)" scripts/deploy.sh up $(SCALE)

undeploy: ## takes it down; the data stays, unless VOLUMES=1
	@scripts/deploy.sh down $(if $(VOLUMES),--volumes)

logs: ## of all that is deployed, or SERVICE=ingest
	@scripts/deploy.sh logs $(SERVICE)

test-deploy: ## brings the deployment up in a Docker of its own, without a log and behind Kafka, kills parts of it under load, checks every submission
	@tests/deploy/run.sh

clean: ## what was built; the data folder stays
	rm -rf target web/dist web/node_modules
