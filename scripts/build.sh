# shellcheck shell=bash disable=SC2034
# fingerprint FILE-OR-FOLDER…: prints a hash that changes with every edited, new or deleted file
fingerprint() {
  find "$@" \( -name bin -o -name obj -o -name node_modules -o -name dist \) -prune -o -type f -printf '%p %s %T@\n' |
    sort | sha256sum | cut -d' ' -f1
}

BUILD_FILES=(Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig global.json host.json)

# build run|all: builds in Release if a source changed since the last build. Concurrent calls build once. `run` builds the app, licensectl
# and the programs that ./dev run adds.
build() {
  local target=src/DevServices/DevServices.slnf sources=(src sql) stamp=$STATE/built-$1 now
  [ "$1" = all ] && { target=LicenseFunctions.sln; sources+=(tests); }
  mkdir -p "$STATE"
  built "$stamp" "${sources[@]}" && return
  need_dotnet
  exec 7>"$STATE/build.lock"
  flock -n 7 || { say "… waiting for another build"; flock 7; }
  if ! built "$stamp" "${sources[@]}"; then
    now=$(fingerprint "${sources[@]}" "${BUILD_FILES[@]}")
    # One compiler for all projects, which starts once. It belongs to this build only, and ends with it.
    step "building (a minute or more the first time)" dotnet build "$target" -c Release -v q -nologo -nodeReuse:false \
      -p:UseSharedCompilation=true -p:SharedCompilationId="dev-$$"
    echo "$now" >"$stamp"
    [ "$1" != all ] || fingerprint src sql "${BUILD_FILES[@]}" >"$STATE/built-run"
  fi
  exec 7>&-
}

# Downloads the packages that `build all` needs, if it will build. A failure is left to the build, which reports it.
restore() {
  built "$STATE/built-all" src sql tests || dotnet restore LicenseFunctions.sln -p:Configuration=Release -v q -nologo -nodeReuse:false
}

# The next build of the app copies the pages into its output. Without Node.js the app has no pages.
build_pages() {
  local now
  mkdir -p "$STATE"
  now=$(fingerprint src/dashboard)
  pages_built "$now" && return
  command -v npm >/dev/null || { say "… Node.js is not installed: the backend runs without its pages"; return; }
  exec 7>"$STATE/build.lock"
  flock -n 7 || { say "… waiting for another build"; flock 7; }
  if ! pages_built "$now"; then
    attempt "building the pages (npm)" make_pages
    if [ "$FAILED" = no ]; then
      echo "$now" >"$STATE/built-pages"
      rm -f "$STATE/built-run" "$STATE/built-all"
    else
      say "… the backend runs without its pages"
    fi
  fi
  exec 7>&-
}

pages_built() { [ -f src/dashboard/dist/index.html ] && [ "$1" = "$(cat "$STATE/built-pages" 2>/dev/null)" ]; }

make_pages() { cd src/dashboard && npm ci --no-audit --no-fund && npm run build; }

built() {
  local stamp=$1; shift
  [ -f "$stamp" ] && [ -f "$TOOL" ] && [ "$(fingerprint "$@" "${BUILD_FILES[@]}")" = "$(cat "$stamp")" ]
}

APP=$ROOT/src/LicenseFunctions/bin/Release/net10.0/LicenseFunctions.dll
TOOL=$ROOT/src/LicenseTool/bin/Release/net10.0/licensectl.dll

licensectl() { dotnet "$TOOL" "$@"; }
