-- Installs the license management or brings it up to date: psql … -c '\i schema_license_extensions.sql'
-- `licensectl migrate` does the same with the same journal (schema_migrations): the two can follow each other or run at the
-- same time. psql can't list a folder, so each new file is listed here; a test compares the list.
-- A migration first records itself in the journal; it is one transaction. The repeatable files (views, functions) run every
-- time. If a step fails with "canceling statement due to lock timeout", run this file again: finished steps are kept.
-- `licensectl migrate` repeats the step itself. The repeatable files only create or replace, because other objects and grants
-- depend on them; a migration drops what is obsolete.
\set on_error_stop_before :ON_ERROR_STOP
\set ON_ERROR_STOP on

\set migration 0001_platform
\ir installation/migration.psql
\set migration 0002_licensing
\ir installation/migration.psql
\set migration 0003_operations
\ir installation/migration.psql
\set migration 0004_devices
\ir installation/migration.psql
\set migration 0005_usage_ingest
\ir installation/migration.psql
\set migration 0006_renewals
\ir installation/migration.psql
\set migration 0007_suspicion
\ir installation/migration.psql
\set migration 0008_usage_rollups
\ir installation/migration.psql
\set migration 0009_health
\ir installation/migration.psql
\set migration 0010_payments
\ir installation/migration.psql
\set migration 0011_metrics
\ir installation/migration.psql
\set migration 0012_card_changes
\ir installation/migration.psql
\set migration 0013_license_changes
\ir installation/migration.psql
\set migration 0014_first_version_definitions
\ir installation/migration.psql
\set migration 0015_device_removals
\ir installation/migration.psql
\set migration 0016_skipped_rows
\ir installation/migration.psql
\set migration 0017_quarantined_bytes
\ir installation/migration.psql
\set migration 0018_timer_fallback
\ir installation/migration.psql
\set migration 0019_price_changes
\ir installation/migration.psql
\set migration 0020_paid_renewals
\ir installation/migration.psql
\set migration 0021_one_open_charge
\ir installation/migration.psql
\set migration 0022_payment_reversals
\ir installation/migration.psql
\set migration 0023_health_marks
\ir installation/migration.psql
\set migration 0024_payment_notices
\ir installation/migration.psql
\set migration 0025_refunds_and_evidence
\ir installation/migration.psql
\set migration 0026_deferred_payments
\ir installation/migration.psql
\set migration 0027_payment_event_reads
\ir installation/migration.psql
\set migration 0028_payment_comparisons
\ir installation/migration.psql
\set migration 0031_alert_measures
\ir installation/migration.psql
\set migration 0032_shadow_alerts
\ir installation/migration.psql
\set migration 0033_entitlement
\ir installation/migration.psql
\set migration 0034_leases
\ir installation/migration.psql
\set migration 0035_payment_answers
\ir installation/migration.psql
\set migration 0036_close_only_openings
\ir installation/migration.psql
\set migration 0037_license_events
\ir installation/migration.psql
\set migration 0038_close_only_refusals
\ir installation/migration.psql
\set migration 0039_unapplied_reversals
\ir installation/migration.psql
\set migration 0040_webhooks
\ir installation/migration.psql
\set migration 0041_accepted_checks
\ir installation/migration.psql
\set migration 0042_unsummed_usage
\ir installation/migration.psql
\set migration 0045_operator_pages
\ir installation/migration.psql
\set migration 0046_metric_days
\ir installation/migration.psql
\set migration 0047_troubles
\ir installation/migration.psql
\set migration 0048_event_types
\ir installation/migration.psql
\set migration 0049_cheaper_renewals
\ir installation/migration.psql
\set migration 0050_paypal
\ir installation/migration.psql
\set migration 0053_invoices
\ir installation/migration.psql
\set migration 0054_reports
\ir installation/migration.psql
\set migration 0057_customer_languages
\ir installation/migration.psql
\set migration 0060_cheaper_invoice_marks
\ir installation/migration.psql
\set migration 0061_recurring_revenue
\ir installation/migration.psql
\set migration 0063_dispute_deadlines
\ir installation/migration.psql
\set migration 0064_missed_events
\ir installation/migration.psql
\set migration 0066_year_of_issue
\ir installation/migration.psql
\set migration 0069_counted_gauges
\ir installation/migration.psql
\set migration 0070_bounded_reads
\ir installation/migration.psql
\set migration 0071_faster_paid_periods
\ir installation/migration.psql
\set migration 0072_unapplied_events
\ir installation/migration.psql
\set migration 0073_openings_of_disputes
\ir installation/migration.psql
\set migration 0076_queue_of_open_alerts
\ir installation/migration.psql
\set migration 0077_unsent_warnings
\ir installation/migration.psql
\set migration 0078_bookings_by_statement
\ir installation/migration.psql
\set migration 0079_first_event_reads
\ir installation/migration.psql
\set migration 0080_refunded_renewals
\ir installation/migration.psql
\set migration 0081_appeals_are_no_suspicion
\ir installation/migration.psql
\set migration 0083_types_of_earlier_appeals
\ir installation/migration.psql
\set migration 0085_answered_appeals
\ir installation/migration.psql
\set migration 0086_rank_of_alerts
\ir installation/migration.psql
\set migration 0087_payment_cases_by_charge
\ir installation/migration.psql
\set migration 0088_alerts_by_refused_device
\ir installation/migration.psql
\set migration 0089_dead_letters_not_drained
\ir installation/migration.psql
\set migration 0090_refused_devices
\ir installation/migration.psql
\set migration 0091_refused_devices_of_alerts
\ir installation/migration.psql
\set migration 0092_token_beginnings
\ir installation/migration.psql
\set migration 0093_drop_indexes_of_evidence
\ir installation/migration.psql

begin;
\ir installation/journal.sql
\ir installation/lock_timeout.sql
select schema_definitions() as definitions_before \gset
\ir repeatable/06_replace_function.sql
\ir repeatable/07_platform_values.sql
\ir repeatable/08_source_network.sql
\ir repeatable/09_subscription_columns.sql
\ir repeatable/10_current_license_tokens.sql
\ir repeatable/11_is_license_visible.sql
\ir repeatable/12_usage_log_storage.sql
\ir repeatable/13_customer_answer.sql
\ir repeatable/13_is_alert_open.sql
\ir repeatable/13_usage_log_conversion.sql
\ir repeatable/14_suspended_licenses.sql
\ir repeatable/15_open_suspension_facts.sql
\ir repeatable/16_platform_facts_hash.sql
\ir repeatable/17_close_only_facts.sql
\ir repeatable/18_is_device_granted.sql
\ir repeatable/20_license_usage.sql
\ir repeatable/21_store_license_usage.sql
\ir repeatable/22_sum_license_usage.sql
\ir repeatable/23_usage_backlog.sql
\ir repeatable/30_usage_retention.sql
\ir repeatable/35_renewal_rules.sql
\ir repeatable/36_payment_sources.sql
\ir repeatable/40_renewal_candidates.sql
\ir repeatable/42_active_licenses.sql
\ir repeatable/44_renewal_terms.sql
\ir repeatable/45_renewal_facts.sql
\ir repeatable/46_next_renewals.sql
\ir repeatable/47_booked_payments.sql
\ir repeatable/50_suspicious_activity_alerts.sql
\ir repeatable/51_listed_alerts.sql
\ir repeatable/52_shadow_comparison.sql
\ir repeatable/53_counted_gauges.sql
\ir repeatable/60_license_health.sql
\ir repeatable/61_listed_licenses.sql
\ir repeatable/62_unusable_values.sql
\ir repeatable/63_mail_licenses.sql
\ir repeatable/64_health_marks.sql
\ir repeatable/70_persons.sql
\ir repeatable/71_find_customers.sql
select schema_definitions() = :'definitions_before' as unchanged \gset
\if :unchanged
rollback;
\else
commit;
\endif
select coalesce(usage_log_warning(), '') as warning, usage_log_warning() is not null as warns \gset
\if :warns
\echo WARNING: :warning
\endif

\set ON_ERROR_STOP :on_error_stop_before
