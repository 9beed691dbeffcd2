param location string
param name string
param email string
param appId string
param databaseId string
param serviceBusId string
param workspaceId string

@description('Maximum number of user connections of the server; the alert fires at 90 %')
param databaseConnections int

@description('Function names of the timers that must have run within the last two hours')
param timers string[]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  properties: {
    enabled: true
    groupShortName: take(replace(name, '-', ''), 12)
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

var metricAlerts = [
  {
    // DrainDeadLetters moves dead letters to the quarantine. They accumulate only if it doesn't run or is too slow.
    name: 'dead-letters'
    description: 'Dead letters are not being drained: docs/operations.md, Usage does not arrive'
    severity: 2
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'DeadletteredMessages'
    aggregation: 'Average'
    threshold: 100
  }
  {
    name: 'usage-backlog'
    description: 'Usage records wait in the queue faster than they are written'
    severity: 3
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'ActiveMessages'
    aggregation: 'Average'
    threshold: 100000
  }
  {
    // At 95 % the server becomes read-only: no license check is recorded, and no license is renewed.
    name: 'disk'
    description: 'The database\'s disk is 80 % full; at 95 % the server turns read-only'
    severity: 1
    scope: databaseId
    namespace: 'Microsoft.DBforPostgreSQL/flexibleServers'
    metric: 'storage_percent'
    aggregation: 'Average'
    threshold: 80
  }
  {
    name: 'connections'
    description: 'The database is running out of connections'
    severity: 2
    scope: databaseId
    namespace: 'Microsoft.DBforPostgreSQL/flexibleServers'
    metric: 'active_connections'
    aggregation: 'Maximum'
    threshold: databaseConnections * 9 / 10
  }
  {
    name: 'server-errors'
    description: 'The backend answers with server errors'
    severity: 1
    scope: appId
    namespace: 'Microsoft.Web/sites'
    metric: 'Http5xx'
    aggregation: 'Total'
    threshold: 10
  }
]

resource metrics 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in metricAlerts: {
  name: '${alert.name}-${name}'
  location: 'global'
  properties: {
    description: alert.description
    enabled: true
    severity: alert.severity
    scopes: [alert.scope]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: alert.name
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: alert.namespace
          metricName: alert.metric
          operator: 'GreaterThan'
          threshold: alert.threshold
          timeAggregation: alert.aggregation
        }
      ]
    }
    actions: [{ actionGroupId: operators.id }]
  }
}]

// Both alerts read the duration that the worker records for each run of a function.
var queryAlerts = [
  {
    name: 'function-failures'
    description: 'A function fails: the dimension contains its name, the value the number of failures'
    severity: 2
    window: 'PT15M'
    query: 'AppMetrics | where Name == "license_functions.function.duration" and tostring(Properties.outcome) == "failed" | summarize runs = sum(ItemCount) by function = tostring(Properties.function) | where runs >= 3'
  }
  {
    name: 'timer-silent'
    description: 'A timer has not run for two hours: renewals, reconciliation, scans or mails have stopped'
    severity: 1
    window: 'PT2H'
    query: 'datatable(function:string)[${join(map(timers, timer => '"${timer}"'), ',')}] | join kind=leftanti (AppMetrics | where Name == "license_functions.function.duration" and tostring(Properties.outcome) == "completed" | distinct function = tostring(Properties.function)) on function'
  }
]

resource queries 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in queryAlerts: {
  name: '${alert.name}-${name}'
  location: location
  properties: {
    displayName: '${alert.name} (${name})'
    description: alert.description
    enabled: true
    severity: alert.severity
    scopes: [workspaceId]
    evaluationFrequency: 'PT15M'
    windowSize: alert.window
    autoMitigate: true
    // A new workspace has no such table until the first metric arrives.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [{ name: 'function', operator: 'Include', values: ['*'] }]
          failingPeriods: { minFailingPeriodsToAlert: 1, numberOfEvaluationPeriods: 1 }
        }
      ]
    }
    actions: { actionGroups: [operators.id] }
  }
}]
