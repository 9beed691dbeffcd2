# shellcheck shell=bash
# ./dev mutants: breaks copies of the code on purpose, and says who notices.
cmd_mutants() {
  need_dotnet
  need_node
  need_postgres
  start_test_database
  node scripts/mutants.mjs "$@"
}
