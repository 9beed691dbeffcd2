// The license backend on Azure. modules/roles.bicep contains all role assignments; docs/deployment.md describes the deployment.
@description('Part of the name of every resource: lower case, 2 to 8 letters')
@minLength(2)
@maxLength(8)
param environmentName string
@description('Region of all resources')
param location string = resourceGroup().location

@description('GitHub repository whose workflow migrates the database, as OWNER/NAME; empty: none')
param githubRepository string

@description('Maximum number of instances of each group that scales separately: all routes, and each queue function')
param maximumInstanceCount int

@description('Always-ready instances of the routes')
param alwaysReadyHttp int

@description('512: a quarter of a core; 2048: one core; 4096: two cores')
param instanceMemoryMB 512 | 2048 | 4096

@description('The server; poolSize: maximum number of connections of one instance, of which license checks use 40 %, other requests 30 %, and timers and queues the rest')
param database {
  skuName: string
  skuTier: 'Burstable' | 'GeneralPurpose' | 'MemoryOptimized'
  storageGb: int
  backupDays: int
  geoRedundantBackup: bool
  @description('Connections that this SKU leaves to users')
  connections: int
  poolSize: int
  pooler: 'none' | 'transaction'
}

@description('Basic has no base price; only Premium has private endpoints and partitions')
param serviceBusSku 'Basic' | 'Standard' | 'Premium'
@description('Queue of usage records')
param queueName string = 'usage-records'

@description('Database, vault and a Premium Service Bus have no public access')
param privateNetwork bool

@description('A standby database and instances in several zones')
param zoneRedundant bool

@description('All requests come through Azure Front Door')
param frontDoor bool

@description('Public address of the backend, with https://; empty: the name that Azure assigns')
param publicUrl string = ''

@description('Mail address for alerts and budget notices')
param alertEmail string

@description('Currency units per month; 0: no budget')
param budgetAmount int
@description('First day of the budget\'s first month')
param budgetStart string = utcNow('yyyy-MM-01')

@description('Gigabytes of logs per day')
param logQuotaGb int

@description('Settings whose values are in the vault; docs/deployment.md describes how to add them')
param secrets string[]

@description('Settings that differ from the defaults in modules/functionapp.bicep')
param settings object

@description('Object ID of the group that manages the vault\'s secrets; empty: none')
param operatorsGroupId string = ''

@description('Object ID of the owner of a personal environment, who migrates the database and manages the vault\'s secrets; empty: none')
param developerId string = ''

@description('The same person\'s user principal name')
param developerName string = ''

@description('Principal id of the platform\'s producer of usage records; empty: none')
param producerPrincipalId string = ''

// Do not correct the spelling: another name would create new resources, including an empty database.
var name = 'licences-${environmentName}'
var unique = uniqueString(resourceGroup().id)
var appName = 'func-${name}-${unique}'
var appIdentityName = 'id-${name}-app'
var migrateIdentityName = 'id-${name}-migrate'
var insightsName = 'appi-${name}'
var workspaceName = 'log-${name}'
var networkName = 'vnet-${name}'
var planName = 'plan-${name}'
var frontDoorName = 'afd-${name}'
var storageName = take('st${replace(name, '-', '')}${unique}', 24)
var vaultName = take('kv-${name}-${unique}', 24)
var serviceBusName = 'sb-${name}-${unique}'
var serverName = 'psql-${name}-${unique}'
var appHost = '${appName}.azurewebsites.net'
var privateZones = concat(
  ['privatelink.postgres.database.azure.com', 'privatelink.vaultcore.azure.net'],
  serviceBusSku == 'Premium' ? ['privatelink.servicebus.windows.net'] : [])
var timers = [
  'RunRenewals', 'ReconcileRenewals', 'FetchPaymentEvents', 'ComparePayments', 'WarnExpiring', 'SumUsage', 'ScanUsage'
  'WatchLicenses', 'ScoreLicenses', 'DrainOutbox', 'DeliverEvents', 'EndLeases', 'IssueInvoices'
]

module identities 'modules/identities.bicep' = {
  params: {
    location: location
    appIdentityName: appIdentityName
    migrateIdentityName: migrateIdentityName
    githubRepository: githubRepository
    githubEnvironment: '${environmentName}-migrate'
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: { name: workspaceName, insightsName: insightsName, location: location, dailyQuotaGb: logQuotaGb }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  params: { name: networkName, location: location, zones: privateZones }
}

module storage 'modules/storage.bicep' = {
  params: { name: storageName, location: location, zoneRedundant: zoneRedundant }
}

module serviceBus 'modules/servicebus.bicep' = {
  params: {
    name: serviceBusName
    location: location
    sku: serviceBusSku
    queueName: queueName
    isPrivate: privateNetwork && serviceBusSku == 'Premium'
  }
}

module vault 'modules/keyvault.bicep' = {
  params: { name: vaultName, location: location, isPrivate: privateNetwork }
}

module server 'modules/database.bicep' = {
  params: {
    name: serverName
    location: location
    skuName: database.skuName
    skuTier: database.skuTier
    storageGb: database.storageGb
    backupDays: database.backupDays
    geoRedundantBackup: database.geoRedundantBackup
    zoneRedundant: zoneRedundant
    isPrivate: privateNetwork
    pooler: database.pooler
    // The administrator's ID in Entra is known only after the identity is created.
    #disable-next-line what-if-short-circuiting
    administratorPrincipalId: identities.outputs.migratePrincipalId
    administratorName: migrateIdentityName
    developerId: developerId
    developerName: developerName
  }
}

module databaseEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  params: {
    name: 'pe-database-${name}'
    location: location
    subnetId: network!.outputs.endpointSubnetId
    targetId: server.outputs.id
    groupId: 'postgresqlServer'
    zone: privateZones[0]
  }
}

module vaultEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork) {
  params: {
    name: 'pe-vault-${name}'
    location: location
    subnetId: network!.outputs.endpointSubnetId
    targetId: vault.outputs.id
    groupId: 'vault'
    zone: privateZones[1]
  }
}

module serviceBusEndpoint 'modules/private-endpoint.bicep' = if (privateNetwork && serviceBusSku == 'Premium') {
  params: {
    name: 'pe-servicebus-${name}'
    location: location
    subnetId: network!.outputs.endpointSubnetId
    targetId: serviceBus.outputs.id
    groupId: 'namespace'
    zone: last(privateZones)
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    appIdentityName: appIdentityName
    appPrincipalId: identities.outputs.appPrincipalId
    storageName: storageName
    vaultName: vaultName
    serviceBusName: serviceBusName
    queueName: queueName
    insightsName: insightsName
    operatorsGroupId: operatorsGroupId
    developerId: developerId
    producerPrincipalId: producerPrincipalId
  }
  // The module refers to these resources by name only, so Bicep can't infer the order.
  dependsOn: [monitoring, serviceBus, storage, vault]
}

module door 'modules/frontdoor.bicep' = if (frontDoor) {
  params: { name: frontDoorName, endpointName: 'ep-${name}-${unique}', originHost: appHost }
}

module app 'modules/functionapp.bicep' = {
  params: {
    planName: planName
    appName: appName
    location: location
    identityId: identities.outputs.appId
    identityName: appIdentityName
    identityClientId: identities.outputs.appClientId
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    storageName: storageName
    storagePackagesUri: storage.outputs.packagesUri
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttp: alwaysReadyHttp
    instanceMemoryMB: instanceMemoryMB
    zoneRedundant: zoneRedundant
    frontDoorId: frontDoor ? door!.outputs.id : ''
    secrets: secrets
    settings: settings
    vaultName: vaultName
    insightsName: insightsName
    serviceBusHost: serviceBus.outputs.hostName
    queueName: queueName
    database: {
      host: server.outputs.host
      port: server.outputs.port
      name: server.outputs.database
      poolSize: database.poolSize
      pooler: database.pooler
    }
    publicUrl: !empty(publicUrl) ? publicUrl : 'https://${frontDoor ? door!.outputs.host : appHost}'
  }
  dependsOn: [roles]
}

module diagnostics 'modules/diagnostics.bicep' = {
  params: {
    workspaceName: workspaceName
    storageName: storageName
    serviceBusName: serviceBusName
    vaultName: vaultName
    serverName: serverName
    planName: planName
    appName: appName
    networkName: privateNetwork ? networkName : ''
    frontDoorName: frontDoor ? frontDoorName : ''
  }
  dependsOn: [app, door, monitoring, network, server, serviceBus, storage, vault]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    name: name
    location: location
    email: alertEmail
    appId: app.outputs.id
    databaseId: server.outputs.id
    databaseConnections: database.connections
    serviceBusId: serviceBus.outputs.id
    workspaceId: monitoring.outputs.workspaceId
    timers: timers
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0) {
  params: { name: name, amount: budgetAmount, email: alertEmail, startDate: budgetStart }
}

output appName string = app.outputs.name
output appUrl string = 'https://${frontDoor ? door!.outputs.host : appHost}'
output appIdentityName string = appIdentityName
output appIdentityPrincipalId string = identities.outputs.appPrincipalId
output migrateIdentityName string = migrateIdentityName
output migrateIdentityClientId string = identities.outputs.migrateClientId
output serverName string = serverName
output serverHost string = server.outputs.host
output databaseName string = server.outputs.database
output storageName string = storageName
output vaultName string = vaultName
