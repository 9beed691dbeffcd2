param location string
param name string
param sku 'Basic' | 'Standard' | 'Premium'
param queueName string

@description('Premium only: the namespace has no public door')
param isPrivate bool

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  sku: { name: sku, tier: sku }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }

  resource usage 'queues' = {
    name: queueName
    properties: {
      // A batch gets no renewal of its locks; it has all of this time to be written.
      lockDuration: 'PT5M'
      maxDeliveryCount: 10
      deadLetteringOnMessageExpiration: true
      defaultMessageTimeToLive: 'P14D'
      maxSizeInMegabytes: 5120
    }
  }
}

output id string = namespace.id
output hostName string = replace(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')
