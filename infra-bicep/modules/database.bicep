param location string
param name string

@description('SKU of Azure Database for PostgreSQL flexible server')
param skuName string
param skuTier 'Burstable' | 'GeneralPurpose' | 'MemoryOptimized'
param storageGb int
param backupDays int
param geoRedundantBackup bool
param zoneRedundant bool
param isPrivate bool

@description('transaction: connections use the built-in PgBouncer, which the Burstable tier doesn\'t have')
param pooler 'none' | 'transaction'

@description('The identity of the migration: it administers the server and owns the schema')
param administratorPrincipalId string
param administratorName string

@description('Object ID of the person who migrates a personal environment; empty: none')
param developerId string
param developerName string

var databaseName = 'execution_control'

var serverParameters = concat(
  [
    { name: 'azure.extensions', value: 'TIMESCALEDB,UUID-OSSP' }
    // Takes effect at the next restart; the deployment restarts the server before it migrates.
    { name: 'shared_preload_libraries', value: 'pg_stat_statements,timescaledb' }
    { name: 'require_secure_transport', value: 'on' }
    { name: 'ssl_min_protocol_version', value: 'TLSv1.2' }
    { name: 'idle_in_transaction_session_timeout', value: '60000' }
  ],
  pooler == 'transaction' ? [{ name: 'pgbouncer.enabled', value: 'true' }] : []
)

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2025-08-01' = {
  name: name
  location: location
  sku: { name: skuName, tier: skuTier }
  properties: {
    version: '17'
    // There are no passwords: people, the app and the migration use Entra tokens.
    authConfig: {
      activeDirectoryAuth: 'Enabled'
      passwordAuth: 'Disabled'
      tenantId: tenant().tenantId
    }
    storage: { storageSizeGB: storageGb, autoGrow: 'Enabled' }
    backup: {
      backupRetentionDays: backupDays
      geoRedundantBackup: geoRedundantBackup ? 'Enabled' : 'Disabled'
    }
    highAvailability: { mode: zoneRedundant ? 'ZoneRedundant' : 'Disabled' }
    network: { publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled' }
  }

  resource administrator 'administrators' = {
    name: administratorPrincipalId
    properties: {
      principalName: administratorName
      principalType: 'ServicePrincipal'
      tenantId: tenant().tenantId
    }
    dependsOn: [parameters]
  }

  resource developer 'administrators' = if (!empty(developerId)) {
    name: empty(developerId) ? 'nobody' : developerId
    properties: {
      principalName: developerName
      principalType: 'User'
      tenantId: tenant().tenantId
    }
    dependsOn: [administrator]
  }

  resource database 'databases' = {
    name: databaseName
    properties: { charset: 'UTF8', collation: 'en_US.utf8' }
    dependsOn: [administrator, developer]
  }

  // 0.0.0.0 stands for all Azure services, including the app if it has no network of its own.
  resource azure 'firewallRules' = if (!isPrivate) {
    name: 'azure-services'
    properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
    dependsOn: [database]
  }
}

// One at a time: the server rejects a change while another one is in progress.
@batchSize(1)
resource parameters 'Microsoft.DBforPostgreSQL/flexibleServers/configurations@2025-08-01' = [for parameter in serverParameters: {
  parent: server
  name: parameter.name
  properties: { value: parameter.value, source: 'user-override' }
}]

output id string = server.id
output host string = server.properties.fullyQualifiedDomainName
output database string = databaseName
output port string = pooler == 'transaction' ? '6432' : '5432'
