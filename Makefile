# Thin: the work is in the scripts of package.json, run by the Bun that package-lock.json pins. Needs node with npm, make and a C compiler.
BUN := sh tools/bun
INSTALLED := node_modules/.pidbox-lock

.PHONY: demo test build ok bench clean install

demo test build ok bench: install
	@$(BUN) run --silent $@

install:
	@cmp -s package-lock.json $(INSTALLED) || { npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json $(INSTALLED); }

clean:
	rm -rf build dist coverage
