# SPDX-License-Identifier: GPL-2.0
# Targets for people; what kbuild reads is in Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build

# Kernels configured for gcc pass options to clang that it does not know.
ifdef LLVM
ifeq ($(shell grep -s CONFIG_CC_IS_GCC=y $(KDIR)/include/config/auto.conf),CONFIG_CC_IS_GCC=y)
KCC := CC=$(CURDIR)/scripts/clang
endif
endif

ifdef KERNEL
all: build-kernel
else
all: modules
endif

modules: kdir ## build ouro.ko against KDIR (default: the running kernel); LLVM=1, W=1, C=2 as in the kernel
	+$(MAKE) -C $(KDIR) M=$(CURDIR) $(KCC) modules

modules_install: kdir ## install ouro.ko for the kernel in KDIR
	+$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install

build-kernel: ## with KERNEL=name: build ouro.ko, samples and test modules in build/name
	@scripts/build $(KERNEL)

clean: ## remove everything that was built, except what is cached
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name 'modules.order' -o -name 'Module.symvers' -o -name '.module-common.o' \
		-o -name '*.o.d' \) -type f -exec rm -f {} +
	@rm -rf build .tmp_versions

demo: ## boot stock Debian 6.1 in QEMU and watch the module work
	@scripts/demo

check: ## run all tests in VMs; KERNEL="6.1 um lint ..." chooses, STRESS=seconds lengthens
	@scripts/check $(KERNEL)

vm: ## a shell in a VM with the module loaded; KERNEL=name (6.1)
	@scripts/vm $(or $(KERNEL),6.1) --interactive

bench: ## print the benchmark tables, write build/bench.json and plots; KERNEL="6.12 host" and ONLY="time waits" choose
	@scripts/bench $(if $(KERNEL),--kernel "$(KERNEL)") $(ONLY)

# The files' names are goals to make, which must not look for ways to make them.
ifeq ($(firstword $(MAKECMDGOALS)),bench-compare)
A ?= $(word 2,$(MAKECMDGOALS))
B ?= $(word 3,$(MAKECMDGOALS))
.PHONY: $(wordlist 2,3,$(MAKECMDGOALS))
$(wordlist 2,3,$(MAKECMDGOALS)):
	@:
endif

bench-compare: ## what changed from one bench.json to another: make bench-compare OLD NEW
	@scripts/bench-compare $(A) $(B)

model: ## check the models of the collector within larger bounds
	@scripts/model --large

lint: ## checkpatch, sparse, kernel-doc, clang-format and the rules of the tree
	@scripts/lint

help: ## this list
	@sed -n 's/^\([a-z_-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24
	@echo
	@echo 'KERNEL is one of 6.1 6.12 rt 7.2 debug kcsan um um-kasan um-debug (and host, for bench); kernels are kept in $${OURO_CACHE:-~/.cache/ouro}.'

kdir:
	@test -e $(KDIR)/Makefile || { \
		echo "no kernel build directory at $(KDIR): install linux-headers-$$(uname -r)," \
			"or say KDIR=... or KERNEL=6.1" >&2; exit 1; }

.PHONY: all modules modules_install build-kernel clean demo check vm bench bench-compare model lint help kdir
