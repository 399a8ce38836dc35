# The commands of this repository. Everything else is `cargo xtask`.
# ARGS reaches the command: make bench ARGS="model.gguf --threads 4", make test ARGS="tidy lint".

.DEFAULT_GOAL := help
.PHONY: help bench test build

TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)

help: ## Says what the commands do.
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

build: ## Installs what is missing and builds dyno and its engine (release).
	@sh scripts/setup.sh bench
	cargo build --release -p dyno -p dyno-engine-llama

bench: build ## Builds, measures the built-in model and one of true shape, and says where the page lies.
	"$(TARGET)/release/dyno" bench $(or $(ARGS),builtin:nano synth:smollm2-135m@q8_0)

test: ## Installs what is missing and runs every check and test, browser and real engine included.
	@sh scripts/setup.sh test
	cargo xtask ci $(ARGS)
