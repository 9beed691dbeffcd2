# shellcheck shell=bash
# Writes the report of a suite that is a shell script: JUnit XML in the file TEST_REPORT, which scripts/results.mjs reads. A script that
# ends before close_report leaves an incomplete report, which counts as a failure.
TEST_REPORT=${TEST_REPORT:-/dev/null}
PASSED=0 FAILED=0
SINCE=$EPOCHREALTIME                     # the end of the previous test

open_report() { printf '<testsuites><testsuite name="%s">\n' "$1" >"$TEST_REPORT"; }

pass() {  # NAME
  PASSED=$((PASSED + 1))
  test_case "$1" </dev/null
  SINCE=$EPOCHREALTIME
}

fail() {  # NAME [FILE…]: the files contain the output
  FAILED=$((FAILED + 1))
  echo "not ok $1"
  { echo '<failure>'; tail -n 200 "${@:2}" 2>/dev/null | xml_text; echo '</failure>'; } </dev/null | test_case "$1"
  tail -n 15 "${@:2}" </dev/null 2>/dev/null
  SINCE=$EPOCHREALTIME
}

test_case() {  # NAME: the input is the content of its element
  printf '<testcase name="%s" time="%s">\n' "$(xml_text <<<"$1")" "$(seconds_between "$SINCE" "$EPOCHREALTIME")"
  cat
  printf '</testcase>\n'
} >>"$TEST_REPORT"

# close_report: prints the summary; its exit code is the suite's
close_report() {
  printf '</testsuite></testsuites>\n' >>"$TEST_REPORT"
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" = 0 ]
}

seconds_between() { local from=${1/[.,]/} to=${2/[.,]/}; printf '%d.%06d' $(((to - from) / 1000000)) $(((to - from) % 1000000)); }

xml_text() { tr -d '\000-\010\013\014\016-\037' | sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'; }
