# shellcheck shell=bash
# ./dev mutants: breaks copies of the code on purpose, and reports what notices each break.
cmd_mutants() {
  need_dotnet
  need_node
  need_postgres
  start_test_database
  node scripts/mutants.mjs "$@"
}
