using 'main.bicep'

param environmentName = 'prod'
param githubRepository = readEnvironmentVariable('GITHUB_REPOSITORY')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL')
param operatorsGroupId = readEnvironmentVariable('OPERATORS_GROUP_ID', '')
param producerPrincipalId = readEnvironmentVariable('PRODUCER_PRINCIPAL_ID', '')
param publicUrl = readEnvironmentVariable('PUBLIC_URL', '')

param maximumInstanceCount = 40
param alwaysReadyHttp = 1
param instanceMemoryMB = 2048

param database = {
  skuName: 'Standard_D4ds_v5'
  skuTier: 'GeneralPurpose'
  storageGb: 256
  backupDays: 35
  geoRedundantBackup: true
  connections: 1703
  poolSize: 10
  pooler: 'none'
}
param serviceBusSku = 'Standard'

param privateNetwork = true
param zoneRedundant = true
param frontDoor = false
param budgetAmount = 1500
param logQuotaGb = 5

param secrets = ['LINK_SIGNING_KEYS', 'STRIPE_SECRET_KEY', 'STRIPE_WEBHOOK_SECRET', 'SMTP_URL', 'METRICS_TOKEN']
param settings = {
  AUTH_AUTHORITY: readEnvironmentVariable('AUTH_AUTHORITY')
  AUTH_AUDIENCE: readEnvironmentVariable('AUTH_AUDIENCE')
  AUTH_CLIENT_ID: readEnvironmentVariable('AUTH_CLIENT_ID', '')
  STRIPE_PUBLISHABLE_KEY: readEnvironmentVariable('STRIPE_PUBLISHABLE_KEY')
  MAIL_FROM: readEnvironmentVariable('MAIL_FROM')
  ALERT_EMAIL: readEnvironmentVariable('ALERT_EMAIL')
}
