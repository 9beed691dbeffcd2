// The identities: the app, and the migration, which is the only owner of the schema.
param location string
param appIdentityName string
param migrateIdentityName string

@description('GitHub repository whose workflow migrates the database, as OWNER/NAME; empty: none')
param githubRepository string
@description('GitHub environment in which the workflow migrates')
param githubEnvironment string

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: appIdentityName
  location: location
}

resource migrate 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: migrateIdentityName
  location: location

  resource workflow 'federatedIdentityCredentials' = if (!empty(githubRepository)) {
    name: 'github'
    properties: {
      issuer: 'https://token.actions.githubusercontent.com'
      audiences: ['api://AzureADTokenExchange']
      subject: 'repo:${githubRepository}:environment:${githubEnvironment}'
    }
  }
}

output appId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output migrateClientId string = migrate.properties.clientId
output migratePrincipalId string = migrate.properties.principalId
