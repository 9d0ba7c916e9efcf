# Sourced by `run` and `test`: installs what a fresh Debian or Ubuntu machine lacks and names the
# folder that all builds of this machine share (RocksDB takes a quarter of an hour to compile, once).

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/nanotrace/target}"

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
