# shellcheck shell=bash
# Sourced by scripts/run: offers to make `nanotrace` known to the shell.

# Offers a link to the program in ~/.local/bin. At a terminal it asks, once for this machine; elsewhere it only says how.
# It writes over nothing, and an installed nanotrace that the shell finds already stays what it finds.
offer_link() {
    local program="$1" folder="$HOME/.local/bin" link="$HOME/.local/bin/nanotrace" found
    local declined="${CARGO_TARGET_DIR:?}/link-declined"
    found="$(type -P nanotrace || true)"
    if [ "$link" -ef "$program" ]; then
        say_path "$folder"
    elif [ -n "$found" ]; then
        if ! [ "$found" -ef "$program" ]; then echo "Your shell's nanotrace is $found, not the program built here: $program"; fi
    elif [ -e "$link" ] || [ -L "$link" ]; then
        echo "$link is something else and stays as it is. The program built here is $program"
    elif [ -t 0 ] && [ -t 1 ] && [ ! -e "$declined" ]; then
        ask_for_link
    else
        say_how_to_link
    fi
}

ask_for_link() {
    local answer
    read -r -p "Make it known to your shell as nanotrace, by the link $link? [y/N] " answer || true
    if [[ "$answer" == [yY]* ]]; then
        mkdir -p "$folder"
        ln -s "$program" "$link"
        say_path "$folder"
    else
        : >"$declined"
        say_how_to_link
    fi
}

say_how_to_link() {
    printf 'To make it known to your shell as nanotrace: mkdir -p ~/.local/bin && ln -s %q ~/.local/bin/nanotrace\n' "$program"
    say_path "$folder"
}

say_path() {
    case ":$PATH:" in
        *":$1:"*) ;;
        *) echo "$1 is not on your PATH. Many systems add it at the next login once it is there; otherwise add it in your shell's profile." ;;
    esac
}
