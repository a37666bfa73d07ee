# The two commands are `make demo` and `make test`; `make help` lists the others.

.DEFAULT_GOAL := help
.PHONY: help build cuda gpu-check demo test tsan bench bench-mixed bench-scrapes simulate parity parity-full \
  train-emoji evaluate-emoji lint format install install-cuda image image-cuda clean

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

build:  ## Build the programs into build/release/bin, installing what is missing
	@tools/setup build
	@tools/build without-tests darkroom-server darkroom

cuda: build  ## Build what the server loads for --device cuda; it needs no GPU
	@tools/setup cuda
	@tools/build without-tests darkroom_cuda

demo: build  ## Make pictures with the embedded model, into demo/
	@tools/demo

test:  ## Build and run every test, installing what is missing
	@tools/setup test
	@tools/build with-tests all
	@ctest --preset release

tsan:  ## Build batcher/ and its tests under ThreadSanitizer and run them, as in the tests
	@tools/setup tsan
	@tests/thread_sanitizer_test.sh .

bench:  ## Images a second, together against in turn; then the batcher's own speed
	@tools/setup bench
	@tools/build without-tests batch_gain batcher_speed
	@build/release/bench/batch_gain models/emoji
	@taskset 1 build/release/bench/batcher_speed

bench-mixed:  ## Continuous against static batching over a socket, into bench/results: 10 minutes
	@tools/setup test
	@tools/build without-tests darkroom-server
	@.venv/bin/python bench/mixed_steps.py bench/results/$$(date +%F)-mixed-steps-cpu.md

bench-scrapes:  ## What 50 scrapes at once cost a server under load, into bench/results: 6 minutes
	@tools/setup test
	@tools/build without-tests darkroom-server darkroom
	@.venv/bin/python bench/scrapes.py bench/results/$$(date +%F)-scrapes-cpu.md

gpu-check:  ## Everything that has to be seen on a GPU, into bench/results/gpu; DEVICE=cpu: a dry run
	@tools/setup test
	@tools/build with-tests darkroom-server darkroom darkroom_cuda draw_noise image_times \
	  latents_error model_cuda_cuda_ops_test model_cuda_kernels_test
	@.venv/bin/python bench/gpu/check.py bench/results/gpu --device $(or $(DEVICE),cuda)

simulate:  ## The batcher in virtual time: what it must reach, and the plots: 5 minutes
	@tools/setup bench
	@tools/build without-tests simulate call_times
	@bench/simulate/run bench/results/$$(date +%F)-simulation.md

parity:  ## A longer comparison with diffusers, written to docs/parity.md
	@tools/setup test
	@tools/build without-tests darkroom-server
	@cd tests && PYTHONPATH=support DARKROOM_PARITY_ROUNDS=6 \
	  DARKROOM_PARITY_REPORT=../docs/parity.md ../.venv/bin/python -m pytest -q -s \
	  parity/parity_test.py parity/precision_test.py

parity-full: build  ## As parity, at SDXL's full size: 14 GB of disk, 16 GB of memory
	@tools/setup test
	@.venv/bin/python bench/make_checkpoint.py build/full-checkpoint
	@.venv/bin/python bench/parity_full.py build/full-checkpoint \
	  bench/results/$$(date +%F)-parity-full-cpu.md

train-emoji:  ## Train the embedded model from nothing, then evaluate it: 2.5 hours on 2 cores
	@tools/setup train
	@.venv/bin/python models/emoji/training/train.py build/train-emoji
	@$(MAKE) --no-print-directory evaluate-emoji

evaluate-emoji:  ## How much of what the embedded model draws is right, into bench/results: 8 minutes
	@tools/setup test
	@tools/build without-tests darkroom-server
	@.venv/bin/python models/emoji/evaluate --report bench/results/$$(date +%F)-emoji.md \
	  --sheet models/emoji/training/record/samples.png

lint:  ## clang's thread safety analysis and clang-format, as in the tests
	@tools/setup test
	@tests/thread_annotations_test.sh .
	@tests/format_test.sh .

format:  ## Bring the code into shape
	@git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-14 -i

install: build  ## Copy programs and model below PREFIX, by default /usr/local
	@cmake --install build/release --prefix $(or $(PREFIX),/usr/local)

install-cuda: cuda install  ## Copy what the server loads for --device cuda there too, 2.8 GB
	@cmake --install build/release --component cuda --prefix $(or $(PREFIX),/usr/local)

image:  ## Build the container image with docker, podman or buildah
	@deploy/docker/build_image cpu

image-cuda:  ## Build the one for GPUs, of 3.5 GB
	@deploy/docker/build_image cuda

clean:  ## Remove what was built, not what was installed
	@rm -rf build demo
