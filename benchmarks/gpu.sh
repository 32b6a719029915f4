#!/usr/bin/env bash
# What the product does on a GPU, measured in one command on a bare machine; docs/gpu.md says how.
#
#   benchmarks/gpu.sh pack [DATA]     here: put what a bare machine lacks into .gpu/ (ignored by git); DATA holds banking77/train.csv
#   benchmarks/gpu.sh                 there: every part, at most six minutes; gpu.json and gpu.log in $OUT, or in gpu-results/
#   benchmarks/gpu.sh run PART…       there: only these parts
#   benchmarks/gpu.sh rehearse        anywhere: the same with tiny sizes on the CPU, about a minute
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -z "${PYTHON:-}" ]; then
    if [ -x .venv/bin/python ]; then PYTHON=.venv/bin/python; else PYTHON=python3; fi
fi

install_missing() {
    [ -d .gpu/wheels ] || return 0
    local missing=() name wheel
    for wheel in .gpu/wheels/*.whl; do
        [ -e "$wheel" ] || continue
        name=$(basename "$wheel" | cut -d- -f1)
        "$PYTHON" -c "import importlib.metadata as m; m.version('$name')" 2>/dev/null || missing+=("$wheel")
    done
    [ "${#missing[@]}" -eq 0 ] && return 0
    local site
    site=$(mktemp -d)
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "${missing[@]}"
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
}

case "${1:-run}" in
    pack) shift; exec "$PYTHON" -m benchmarks.gpu pack "$@" ;;
    rehearse) shift; exec "$PYTHON" -m benchmarks.gpu rehearse "$@" ;;
    run) [ "$#" -gt 0 ] && shift; install_missing; exec "$PYTHON" -m benchmarks.gpu run "$@" ;;
    *) sed -n '2,8p' "$0"; exit 2 ;;
esac
