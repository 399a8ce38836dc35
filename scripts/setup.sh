#!/bin/sh
# Installs what building (`setup.sh bench`) and testing (`setup.sh test`) need and this machine lacks; says what it does.
# Nothing that is already there is touched. Without root and sudo it prints the command to run and ends with status 1.
set -eu

purpose=${1:-bench}
case $purpose in
bench | test) ;;
*)
    echo "usage: setup.sh bench|test" >&2
    exit 2
    ;;
esac

say() { echo "set-up: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# bindgen loads libclang at build time; it ships apart from the compiler on Linux.
have_libclang() {
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    for file in /usr/lib/llvm*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so* /usr/lib/libclang*.so* \
        /usr/local/lib/libclang*.so* /Library/Developer/CommandLineTools/usr/lib/libclang.dylib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib/libclang.dylib \
        /opt/homebrew/opt/llvm/lib/libclang.dylib /usr/local/opt/llvm/lib/libclang.dylib; do
        case $file in *libclang-cpp*) continue ;; esac
        [ ! -e "$file" ] || return 0
    done
    return 1
}

have_browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
        ! have "$name" || return 0
    done
    [ -e "/Applications/Google Chrome.app" ] || [ -e "/Applications/Chromium.app" ]
}

missing=
need() { missing="$missing $1"; }
have clang && have clang++ || need clang
have cmake || need cmake
have make || need make
have cc || need cc
have_libclang || need libclang
if [ "$purpose" = test ]; then
    have_browser || need browser
fi

# What a package manager calls each of the things above.
apt_name() {
    case $1 in
    cc) echo gcc libc6-dev ;;
    libclang) echo libclang-dev ;;
    browser) echo chromium fonts-dejavu-core ;;
    *) echo "$1" ;;
    esac
}
dnf_name() {
    case $1 in
    cc) echo gcc ;;
    libclang) echo clang-devel ;;
    browser) echo chromium ;;
    *) echo "$1" ;;
    esac
}
brew_name() {
    case $1 in
    clang | libclang) echo llvm ;;
    cc) echo gcc ;;
    browser) echo --cask chromium ;;
    *) echo "$1" ;;
    esac
}
packages_by() {
    for thing in $missing; do "$1" "$thing"; done | tr '\n' ' '
}

# Runs a command as root, or prints it for somebody who may.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        say "$*"
        "$@" >&2
    elif have sudo; then
        say "sudo $*"
        sudo "$@" >&2
    else
        fail "missing:$missing. Root rights are needed and there is no sudo; run this as root, then try again:
  $root_command"
    fi
}

if [ -n "$missing" ]; then
    say "missing:$missing"
    # The package lists are several words on purpose.
    # shellcheck disable=SC2046
    if have apt-get; then
        packages=$(packages_by apt_name)
        root_command="apt-get update && apt-get install --yes --no-install-recommends $packages"
        as_root apt-get update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages
    elif have dnf; then
        packages=$(packages_by dnf_name)
        root_command="dnf install --assumeyes $packages"
        as_root dnf install --assumeyes $packages
    elif have brew; then
        for thing in $missing; do
            say "brew install $(brew_name "$thing")"
            brew install $(brew_name "$thing") >&2
        done
    else
        fail "no apt-get, dnf or brew here; install these yourself:$missing"
    fi
fi

have cargo || fail "cargo is missing; install Rust from https://rustup.rs, then try again"
if [ "$purpose" = test ]; then
    for component in fmt:rustfmt clippy:clippy; do
        if ! cargo "${component%%:*}" --version >/dev/null 2>&1; then
            have rustup || fail "cargo ${component%%:*} is missing and there is no rustup; install ${component##*:} of your Rust toolchain"
            say "rustup component add ${component##*:}"
            rustup component add "${component##*:}" >&2
        fi
    done
fi
