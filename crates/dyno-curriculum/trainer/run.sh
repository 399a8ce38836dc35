#!/bin/sh
# Makes the reference models again, from nothing: conversations, tokenizer, training, GGUF files. Hours on two cores; it can
# be stopped at any time and goes on from its last checkpoint. WORK names the folder for everything that is not kept.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=${WORK:-$root/target/reference-models}
models=$root/crates/dyno-models/data/models
conversations=${CONVERSATIONS:-600000}
nano_steps=${NANO_STEPS:-2400}
micro_steps=${MICRO_STEPS:-10400}

mkdir -p "$work"
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"

generate() { # FILE SEED COUNT
    [ -e "$1" ] && return
    (cd "$root" && cargo run --release --quiet -p dyno-curriculum -- conversations --seed "$2" --count "$3" --out "$1.part")
    mv "$1.part" "$1"
}
generate "$work/conversations.jsonl" 1 "$conversations"
generate "$work/check.jsonl" 999 1500
sha256sum "$work/conversations.jsonl"

for name in nano micro; do
    eval steps=\$${name}_steps
    "$work/venv/bin/python" -u "$here/train.py" "$name" --data "$work/conversations.jsonl" --check "$work/check.jsonl" \
        --work "$work" --steps "$steps"
    "$work/venv/bin/python" "$here/export.py" "$name" --work "$work" --out "$models/$name.gguf"
    sha256sum "$models/$name.gguf"
done
