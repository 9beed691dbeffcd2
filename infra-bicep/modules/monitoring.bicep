param location string
param name string
param insightsName string

@description('Gigabytes of logs a day after which none are taken until the next day: a bound on the bill')
param dailyQuotaGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: name
  location: location
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 30
    workspaceCapping: { dailyQuotaGb: dailyQuotaGb }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    // Telemetry is taken from our identity only, not from whoever knows the connection string.
    DisableLocalAuth: true
  }
}

output workspaceId string = workspace.id
