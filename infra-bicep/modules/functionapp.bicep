param location string
param planName string
param appName string
param identityId string
param subnetId string
param storagePackagesUri string

@minValue(1)
@maxValue(1000)
param maximumInstanceCount int
param alwaysReadyHttp int
param instanceMemoryMB 512 | 2048 | 4096
param zoneRedundant bool

@description('Only requests through this Front Door are accepted; empty: all requests')
param frontDoorId string

@description('Settings whose values are secrets in the vault')
param secrets string[]

@description('Settings that differ from the defaults below')
param settings object

param identityClientId string
param identityName string
param storageName string
param vaultName string
param insightsName string
param serviceBusHost string
param queueName string
param database { host: string, port: string, name: string, poolSize: int, pooler: string }
param publicUrl string

var secretSettings = [
  'AUTH_SIGNING_KEY'
  'LEASE_SIGNING_KEYS'
  'LINK_SIGNING_KEYS'
  'WEBHOOK_SECRET_KEYS'
  'STRIPE_SECRET_KEY'
  'STRIPE_WEBHOOK_SECRET'
  'PAYPAL_CLIENT_SECRET'
  'SMTP_URL'
  'ALERT_WEBHOOK_URL'
  'ALERT_WEBHOOK_SECRET'
  'IPAPI_KEY'
  'METRICS_TOKEN'
]

// The value of STRIPE_SECRET_KEY is the secret stripe-secret-key. A setting without a secret is empty, which counts as not set.
var fromVault = toObject(secretSettings, name => name, name => contains(secrets, name)
  ? '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=${toLower(replace(name, '_', '-'))})'
  : '')

var plain = {
  AUTH_AUTHORITY: ''
  AUTH_AUDIENCE: ''
  AUTH_CLIENT_ID: ''
  AUTH_SCOPE: 'openid'
  TRUSTED_PROXY_HOPS: '0'
  RATE_LIMIT_PER_MINUTE: '600'
  CORS_ALLOWED_ORIGINS: ''
  MAX_DEVICES_PER_LICENSE: '2'
  DEVICE_IDENTITY: 'ea_account'
  DEVICE_LIMIT_ACTION: 'suspend'
  VALIDATION_CACHE_SECONDS: '0'
  VALIDATION_STALE_SECONDS: '0'
  VALIDATION_TIMEOUT_SECONDS: '2'
  DATABASE_READ_URL: ''
  DATABASE_READ_MAX_LAG_SECONDS: '10'
  AUTO_RENEWAL_ENABLED: 'true'
  EXPIRY_WARNING_DAYS: '7'
  LEASE_MAX_HOURS: '72'
  CLOSE_ONLY_DAYS: '30'
  RENEWAL_GRACE_PERIOD_DAYS: '3'
  PRICE_RISE_CONSENT_SHARE: '0'
  RENEW_PAUSED_LICENSES: 'false'
  RENEWAL_LANES: '16'
  STRIPE_PUBLISHABLE_KEY: ''
  STRIPE_API_BASE: ''
  STRIPE_WRITES_PER_SECOND: '20'
  STRIPE_CONCURRENCY: '32'
  PAYPAL_CLIENT_ID: ''
  PAYPAL_WEBHOOK_ID: ''
  PAYPAL_API_URL: ''
  ACCOUNTS_PER_LICENSE: '0'
  SUSPICIOUS_ACTIVITY_THRESHOLD: '3'
  ALERT_EMAIL: ''
  TROUBLE_RENEWAL_FAILURE_PERCENT: '50'
  TROUBLE_RENEWALS_AT_LEAST: '5'
  TROUBLE_TIMER_LATE_MINUTES: '10'
  TROUBLE_DEAD_LETTERS: '1'
  TROUBLE_DEAD_MESSAGES: '1'
  TROUBLE_AFTER_MINUTES: '5'
  TROUBLE_OVER_MINUTES: '60'
  TROUBLE_REMINDER_HOURS: '24'
  WEBHOOK_ALLOW_PRIVATE: ''
  DETECTION_POLICY: ''
  SHADOW_DETECTION_POLICY: ''
  GEO_DATABASE: ''
  IPAPI_URL: ''
  MAIL_FROM: ''
  INVOICE_SELLER_NAME: ''
  INVOICE_SELLER_ADDRESS: ''
  INVOICE_SELLER_COUNTRY: ''
  INVOICE_SELLER_TAX_ID: ''
  INVOICE_PREFIX: ''
  INVOICE_TAX_RATES: ''
  INVOICE_MAILS: 'true'
  BRAND_NAME: 'Licenses'
  BRAND_COLOR: '#0b57d0'
  BRAND_LOGO_URL: ''
  SUPPORT_EMAIL: ''
  MAIL_LANGUAGE: 'en'
  METRICS_PER_SUBSCRIPTION: 'false'
  OTEL_EXPORTER_OTLP_ENDPOINT: ''
  RENEWAL_SCHEDULE: '0 */15 * * * *'
  RECONCILE_SCHEDULE: '30 */5 * * * *'
  LEASE_SCHEDULE: '40 * * * * *'
  SUM_SCHEDULE: '*/10 * * * * *'
  SCAN_SCHEDULE: '0 * * * * *'
  WATCH_SCHEDULE: '30 7 * * * *'
  HEALTH_SCHEDULE: '20 * * * * *'
  RETENTION_SCHEDULE: '0 20 3 * * *'
  OUTBOX_SCHEDULE: '*/5 * * * * *'
  TIMER_FALLBACK: 'true'
}

var wired = {
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  ServiceBus__fullyQualifiedNamespace: serviceBusHost
  ServiceBus__credential: 'managedidentity'
  ServiceBus__clientId: identityClientId
  USAGE_QUEUE: queueName
  DATABASE_URL: 'postgresql://${identityName}@${database.host}:${database.port}/${database.name}?sslmode=verify-full'
  DATABASE_POOLER: database.pooler
  DATABASE_POOL_SIZE: string(database.poolSize)
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  // The Functions host reads the identity of its telemetry from this setting.
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PUBLIC_URL: publicUrl
  // Front Door overwrites this header, so a caller can't forge it. Without Front Door, see docs/deployment.md, The caller's address.
  CLIENT_ADDRESS_HEADER: empty(frontDoorId) ? (settings.?CLIENT_ADDRESS_HEADER ?? '') : 'X-Azure-SocketIP'
  FRONT_DOOR_ID: frontDoorId
  // The app answers GET /. For other methods on / the host answers 204 instead of its own page.
  AzureWebJobsDisableHomepage: 'true'
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appName
  location: location
  kind: 'functionapp,linux'
  // azd finds the app for the service of azure.yaml by this tag.
  tags: { 'azd-service-name': 'app' }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      runtime: { name: 'dotnet-isolated', version: '10.0' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: storagePackagesUri
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      // All routes form one group; each queue function and each timer is a separate group, and a timer runs on one instance. The maximum
      // applies to each group. Always-ready instances are additional.
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: alwaysReadyHttp == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyHttp }]
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: empty(frontDoorId) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: empty(frontDoorId) ? [] : [
        {
          name: 'front-door'
          priority: 100
          action: 'Allow'
          tag: 'ServiceTag'
          ipAddress: 'AzureFrontDoor.Backend'
          headers: { 'x-azure-fdid': [frontDoorId] }
        }
      ]
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(plain, settings, fromVault, wired)
  }

  // Basic authentication is disabled for files and deployments.
  resource filesByPassword 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource deploymentByPassword 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

output id string = app.id
output name string = app.name
