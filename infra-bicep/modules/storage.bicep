// The host's own: timers' leases, and the packages that are deployed.
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
    // Stays reachable, by identity only: deployments to Flex Consumption come from outside the app's network.
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

    // What ran before, for rolling back.
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
