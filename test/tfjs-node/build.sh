#!/usr/bin/env bash
# Builds @tensorflow/tfjs-node into .tfjs-node/ (ignored by git), so that the tests can run the real adapter.
#
#   bash test/tfjs-node/build.sh
#
# The published package downloads libtensorflow from a bucket that is often out of reach; the tensorflow-cpu wheel on
# PyPI holds the same library and headers, and the addon is compiled against those. Needs g++, make and python3.
#
#   TENSORFLOW_PYTHON   a Python in whose environment tensorflow-cpu 2.21.0 is installed already. Without it the script
#                       makes a virtual environment in .tfjs-node/ and installs the wheel there.
#
# Also installs Node 24 into .tfjs-node/node-24, out of the package from which the npm package `node` takes its binary, to
# prove that the same build runs there.
#
# Does nothing when all of it is there already.
set -euo pipefail

tfjs_version=4.22.0
tensorflow_version=2.21.0
newer_node_version=24.21.0

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
home="$root/.tfjs-node"
package="$home/node_modules/@tensorflow/tfjs-node"
stamp="$home/built"

wanted="tfjs-node $tfjs_version, tensorflow-cpu $tensorflow_version, node $newer_node_version"
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -e "$package/deps/lib/libtensorflow.so" ] &&
  compgen -G "$package/lib/napi-v*/tfjs_binding.node" >/dev/null; then
  echo "tfjs-node is built already: $wanted"
  exit 0
fi
rm -f "$stamp"
mkdir -p "$home"

has_tensorflow() {
  "$1" -c "import importlib.metadata as m, sys; sys.exit(m.version('tensorflow-cpu') != '$tensorflow_version')" 2>/dev/null
}

python=${TENSORFLOW_PYTHON:-}
if [ -n "$python" ]; then
  if ! has_tensorflow "$python"; then
    echo "TENSORFLOW_PYTHON=$python has no tensorflow-cpu $tensorflow_version. Install it there, or unset the variable." >&2
    exit 1
  fi
else
  python="$home/venv/bin/python"
  if ! has_tensorflow "$python"; then
    python3 -m venv "$home/venv"
    "$home/venv/bin/pip" install --quiet --disable-pip-version-check "tensorflow-cpu==$tensorflow_version"
  fi
fi
wheel=$("$python" -c "import importlib.util as u; print(u.find_spec('tensorflow').submodule_search_locations[0])")

cat >"$home/package.json" <<JSON
{
  "name": "tfjs-node-for-tests",
  "private": true,
  "dependencies": { "@tensorflow/tfjs-node": "$tfjs_version" }
}
JSON
npm install --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error

# The names under which binding.gyp and the install script look for the library; with them nothing is downloaded.
rm -rf "$package/deps"
mkdir -p "$package/deps/lib"
ln -s "$wheel/include" "$package/deps/include"
ln -s "$wheel/libtensorflow_cc.so.2" "$package/deps/lib/libtensorflow_cc.so.2"
ln -s "$wheel/libtensorflow_framework.so.2" "$package/deps/lib/libtensorflow_framework.so.2"
ln -s libtensorflow_cc.so.2 "$package/deps/lib/libtensorflow.so"
ln -s libtensorflow_cc.so.2 "$package/deps/lib/libtensorflow.so.2.9.1"
ln -s libtensorflow_framework.so.2 "$package/deps/lib/libtensorflow_framework.so"

# The running Node brings its headers along; where it does not, node-gyp fetches them.
prefix=$(node -p "require('node:path').resolve(require('node:fs').realpathSync(process.execPath), '../..')")
if [ -e "$prefix/include/node/node_api.h" ]; then export npm_config_nodedir="$prefix"; fi
export npm_config_build_from_source=true
npm rebuild --prefix "$home" @tensorflow/tfjs-node --loglevel=error

newer_node="node-$(node -p 'process.platform + "-" + process.arch')"
mkdir -p "$home/node-24"
echo '{ "private": true }' >"$home/node-24/package.json"
npm install --prefix "$home/node-24" --ignore-scripts --no-audit --no-fund --loglevel=error "$newer_node@$newer_node_version"
ln -sfn "node_modules/$newer_node/bin/node" "$home/node-24/node"

if ! compgen -G "$package/lib/napi-v*/tfjs_binding.node" >/dev/null; then
  echo "npm rebuild left no tfjs_binding.node in $package/lib." >&2
  exit 1
fi
echo "$wanted" >"$stamp"
echo "built: $wanted"
