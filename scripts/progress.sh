# shellcheck shell=bash
# Sourced by the other scripts: says how far a build has come.
#
# Cargo counts its steps at a terminal alone, and RocksDB is one step of hundreds, in which cargo is silent for nearly all
# of the time; so its object files are counted too.

# Runs a cargo command and says on standard error how far it has come: in one line that changes at a terminal, elsewhere in
# one line a minute. What cargo says of warnings and errors follows at the end.
with_progress() {
    local log="$CARGO_TARGET_DIR/progress.log" status=0 watcher
    mkdir -p "$CARGO_TARGET_DIR"
    : >"$log"
    watch_build "$log" &
    watcher=$!
    CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 "$@" 2>"$log" || status=$?
    kill "$watcher" 2>/dev/null || true
    wait "$watcher" 2>/dev/null || true
    if [ -t 2 ]; then printf '\r\e[K' >&2; fi
    tr '\r' '\n' <"$log" |
        grep -vE '^ *((Building|Compiling|Checking|Download(ed|ing)|Updating|Locking|Adding|Blocking) .*)?$' >&2 || true
    return "$status"
}

# It ends by itself where the script was interrupted.
watch_build() {
    local log="$1" began=$EPOCHSECONDS told=$EPOCHSECONDS
    # When RocksDB's build was first seen at work, how many files it has, and how many of them are compiled.
    local rocksdb_began='' rocksdb_files rocksdb_done=0
    rocksdb_files="$(count_rocksdb_files)"
    while kill -0 $$ 2>/dev/null && sleep 1; do
        count_rocksdb_objects
        if [ -t 2 ]; then
            printf '\r\e[K%.*s' "$(($(tput cols 2>/dev/null || echo 80) - 1))" "$(build_progress)" >&2
        elif ((EPOCHSECONDS - told >= ${PROGRESS_SECONDS:-60})); then
            told=$EPOCHSECONDS
            printf '%s\n' "$(build_progress)" >&2
        fi
    done
}

# How many files RocksDB's build compiles, by the crate's own list; 0 where it is not downloaded yet.
count_rocksdb_files() {
    local version list
    version="$(sed -n '/^name = "librocksdb-sys"/{n;s/^version = "\(.*\)"/\1/p}' Cargo.lock)"
    for list in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/librocksdb-sys-"$version"/rocksdb_lib_sources.txt; do
        if [ -f "$list" ]; then
            grep -c . "$list"
            return
        fi
    done
    echo 0
}

# Only objects of this build count: an earlier one may have been interrupted.
count_rocksdb_objects() {
    # Before the first crate is built there is no such folder.
    rocksdb_done="$(find "$CARGO_TARGET_DIR/release/build" -maxdepth 3 -path '*/librocksdb-sys-*/out/*.o' -newermt "@$began" \
        2>/dev/null | wc -l)" || true
    if [ -z "$rocksdb_began" ] && ((rocksdb_done > 0)); then rocksdb_began=$EPOCHSECONDS; fi
    if ((rocksdb_files == 0)); then rocksdb_files="$(count_rocksdb_files)"; fi
}

# One line: what cargo counts, what RocksDB's build has done, and the time.
build_progress() {
    local last step elapsed=$((EPOCHSECONDS - began))
    last="$(tail -c 2000 "$log" | tr '\r' '\n' | grep -v '^ *$' | tail -n 1)"
    step="$(sed -nE 's/^ *Building .* ([0-9]+)\/([0-9]+):.*/step \1 of \2/p' <<<"$last")"
    printf '  %s' "${step:-$(sed -E 's/^ *//' <<<"${last:-starting}")}"
    if ((rocksdb_done > 0 && rocksdb_done < rocksdb_files)); then
        printf '; RocksDB: file %d of %d%s' "$rocksdb_done" "$rocksdb_files" "$(rocksdb_left)"
    fi
    printf '; %s so far' "$(duration "$elapsed")"
}

# How long RocksDB's build still takes, between two estimates. Its large files come first: by the number of files alone it
# seems to take longer than it does. The other one goes by how the time of a whole build on two cores was distributed;
# there other crates were compiled beside the first files, and where they are not, it is too short.
rocksdb_left() {
    local share spent=$((EPOCHSECONDS - rocksdb_began)) most least
    if ((rocksdb_done * 20 < rocksdb_files)); then return; fi
    share="$(share_of_time $((rocksdb_done * 1000 / rocksdb_files)))"
    least=$((spent * (1000 - share) / share))
    most=$((spent * (rocksdb_files - rocksdb_done) / rocksdb_done))
    printf ', some %d to %d min left for it' $((least / 60)) $((most / 60 + 1))
}

# The thousandths of the time that have passed when so many thousandths of RocksDB's files are compiled.
share_of_time() {
    local measured=(0 290 500 580 640 710 790 860 900 940 1000) files="$1" below above
    below=${measured[files / 100]}
    above=${measured[files / 100 + 1]:-1000}
    echo $((below + (above - below) * (files % 100) / 100))
}

duration() {
    if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min' $(($1 / 60)); fi
}
