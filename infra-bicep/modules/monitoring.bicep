param location string
param name string
param insightsName string

@description('Gigabytes of logs per day, after which no more are accepted until the next day: this limits the costs')
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
    // Telemetry is accepted only from the app's identity: the connection string alone is not enough.
    DisableLocalAuth: true
  }
}

output workspaceId string = workspace.id
