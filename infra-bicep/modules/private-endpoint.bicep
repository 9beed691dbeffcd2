param location string
param name string
param subnetId string
param targetId string

@description('The subresource of the service: postgresqlServer, vault, namespace')
param groupId string
param zone string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-01-01' = {
  name: name
  location: location
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      { name: groupId, properties: { privateLinkServiceId: targetId, groupIds: [groupId] } }
    ]
  }

  resource names 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        { name: 'zone', properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zone) } }
      ]
    }
  }
}
