// Storage of the Functions host: leases of timers, and deployed packages.
param location string
param name string
param zoneRedundant bool

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Publicly reachable, but only with an identity: deployments to Flex Consumption come from outside the app's network.
    publicNetworkAccess: 'Enabled'
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: { enabled: true, days: 14 }
    }

    resource packages 'containers' = {
      name: 'packages'
    }

    // The previous packages, for a rollback.
    resource releases 'containers' = {
      name: 'releases'
    }
  }

  // The host writes its diagnostic events to a table.
  resource tables 'tableServices' = {
    name: 'default'
  }
}

output packagesUri string = '${account.properties.primaryEndpoints.blob}packages'
