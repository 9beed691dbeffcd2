// For experiments: costs a few cents per day. One instance of each kind, the smallest database, timers with long intervals.
using 'main.bicep'

param environmentName = 'dev'
param githubRepository = readEnvironmentVariable('GITHUB_REPOSITORY', '')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL')
param operatorsGroupId = readEnvironmentVariable('OPERATORS_GROUP_ID', '')
// azd-hook sets these values when `azd up` deploys a personal environment.
param developerId = readEnvironmentVariable('DEVELOPER_ID', '')
param developerName = readEnvironmentVariable('DEVELOPER_NAME', '')

param maximumInstanceCount = 1
param alwaysReadyHttp = 0
param instanceMemoryMB = 512

param database = {
  skuName: 'Standard_B1ms'
  skuTier: 'Burstable'
  storageGb: 32
  backupDays: 7
  geoRedundantBackup: false
  connections: 35
  poolSize: 4
  pooler: 'none'
}
param serviceBusSku = 'Basic'

param privateNetwork = false
param zoneRedundant = false
param frontDoor = false
param budgetAmount = 40
param logQuotaGb = 1

// No issuer: `./dev token` signs with the same key.
param secrets = ['AUTH_SIGNING_KEY', 'LINK_SIGNING_KEYS']
param settings = {
  RENEWAL_LANES: '2'
  RENEWAL_SCHEDULE: '0 */30 * * * *'
  RECONCILE_SCHEDULE: '30 */30 * * * *'
  LEASE_SCHEDULE: '20 */10 * * * *'
  SUM_SCHEDULE: '50 */5 * * * *'
  SCAN_SCHEDULE: '0 */10 * * * *'
  HEALTH_SCHEDULE: '20 */10 * * * *'
  OUTBOX_SCHEDULE: '40 */5 * * * *'
}
