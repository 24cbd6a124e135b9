# make              the program: build/release/autarky
# make tests        all test programs          make check      build and run them, with layer and style checks
# make fuzzers      libFuzzer targets (clang)   make replay     the same targets run over their corpora, without clang
# make clean
# Variables: CONFIG=debug|release   SAN=address,undefined   SIMDE=1 (run AVX-512 kernels through SIMDe emulation)
#            CROSS=aarch64-linux-gnu-  SYSROOT=FOLDER (another processor's compiler, and its libraries: tools/cross-arm.sh)
CROSS  ?=
SYSROOT ?=
ifneq ($(CROSS),)
CC     := $(CROSS)gcc
AR     := $(CROSS)ar
endif
CC     ?= cc
CONFIG ?= release
SAN    ?=
SIMDE  ?=
comma  := ,
B      := build/$(CONFIG)$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(SIMDE),-simde)$(if $(filter clang%,$(notdir $(CC))),-clang)$(if $(CROSS),-$(firstword $(subst -, ,$(CROSS))))

PKGS   := jansson libutf8proc libcrypto libssl libzstd libedit libcurl libevent libevent_openssl sqlite3 libseccomp
CFLAGS_release := -O2 -g
CFLAGS_debug   := -O0 -g3
# Refused: -march=native (unportable binaries, hides dispatch errors), -ffast-math (the order of arithmetic is part
# of the contract), -Wconversion (drowns numerical code).
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wwrite-strings
ALL_CFLAGS = -std=c11 $(CFLAGS_$(CONFIG)) $(WARN) -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fno-trapping-math \
             -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -Isrc -I. -Iinclude -MMD -MP $(PKG_CFLAGS) $(CFLAGS)
TARGET := $(shell $(CC) -dumpmachine)
PKG_CONFIG := $(if $(SYSROOT),PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(TARGET)/pkgconfig )pkg-config
PKG_CFLAGS := $(if $(SYSROOT),--sysroot=$(SYSROOT) )$(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
LDLIBS += $(PKG_LIBS) -lm -lpthread
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SYSROOT),--sysroot=$(SYSROOT) )$(LDFLAGS)
ifneq ($(CONFIG),release)
ALL_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(ALL_CFLAGS))
endif
ifneq ($(SAN),)
ALL_CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -U_FORTIFY_SOURCE
ALL_LDFLAGS += -fsanitize=$(SAN)
endif

# Kernels for the compiler's target; any other processor runs the C ones.
ARCH := $(if $(filter x86_64-%,$(TARGET)),x86)$(if $(filter aarch64-%,$(TARGET)),arm)
SRC  := $(wildcard src/*/*.c src/chat/*/*.c src/cli/*/*.c) $(if $(ARCH),$(wildcard src/kernel/$(ARCH)/*.c))
OBJ  := $(patsubst %.c,$(B)/%.o,$(SRC))
LIBO := $(filter-out $(B)/src/cli/main.o,$(OBJ))
TEST := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/check_*.c))
FUZZ := $(patsubst fuzz/%.c,$(B)/fuzz/%,$(wildcard fuzz/fuzz_*.c))
REPLAY := $(patsubst $(B)/fuzz/fuzz_%,$(B)/fuzz/replay_%,$(FUZZ))

.PHONY: all tests check fuzzers replay layers style headers clean
all: $(B)/autarky
tests: $(TEST) $(B)/tests/scripted_server
check: all tests replay
	@tools/run-tests.sh
layers:
	@tools/check-layers.sh
style:
	@tools/check-style.sh
headers:
	@tools/check-headers.sh
fuzzers: $(FUZZ)
replay: $(REPLAY)
clean:
	rm -rf build

# The instruction set of a kernel file is the end of its name.
ifeq ($(SIMDE),)
%_avx2.o:        ALL_CFLAGS += -mavx2 -mfma -mf16c
%_avx512.o:      ALL_CFLAGS += -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma -mf16c
%_avx512_vnni.o: ALL_CFLAGS += -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx2 -mfma -mf16c
%_avx512_bf16.o: ALL_CFLAGS += -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512bf16 -mavx2 -mfma -mf16c
%_dotprod.o:     ALL_CFLAGS += -march=armv8.2-a+dotprod
%_i8mm.o:        ALL_CFLAGS += -march=armv8.2-a+dotprod+i8mm
else
%_avx2.o:        ALL_CFLAGS += -mavx2 -mfma -mf16c
%_avx512.o %_avx512_vnni.o %_avx512_bf16.o: ALL_CFLAGS += -mavx2 -mfma -mf16c -DKERNEL_SIMDE
ALL_CFLAGS += -DKERNEL_SIMDE_BUILD -Wno-psabi
endif
# Hot loops: the C reference and the row kernels profit from -O3's unrolling.
$(B)/src/kernel/%.o $(B)/src/tensor/%.o $(B)/src/format/%.o $(B)/src/sys/bandwidth.o: ALL_CFLAGS += $(if $(filter release,$(CONFIG)),$(if $(SAN),-O1,-O3))

# GCC 12 for AArch64 ends with an internal error when it vectorises maxima of doubles, which only tests look for.
$(B)/tests/%.o: ALL_CFLAGS += $(if $(filter arm,$(ARCH)),-fno-tree-loop-vectorize)

$(B)/libautarky.a: $(LIBO)
	@rm -f $@ && $(AR) rcs $@ $^
$(B)/autarky: $(B)/src/cli/main.o $(B)/libautarky.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/tests/%: $(B)/tests/%.o $(B)/libautarky.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/tests/check_hub $(B)/tests/check_faults: $(B)/tests/hub_server.o
$(B)/bench/%: $(B)/bench/%.o $(B)/libautarky.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/fuzz/replay_%: $(B)/fuzz/fuzz_%.o $(B)/fuzz/replay.o $(B)/libautarky.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/fuzz/%: $(B)/fuzz/%.o $(B)/libautarky.a
	$(CC) $(ALL_LDFLAGS) $(FUZZ_LDFLAGS) -o $@ $^ $(LDLIBS)
$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -c -o $@ $<
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
