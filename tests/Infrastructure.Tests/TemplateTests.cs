using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LicenseFunctions.Infrastructure.Database;
using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Tests.Support;
using Microsoft.Azure.Functions.Worker;
using NCrontab;
using Xunit;

namespace Infrastructure.Tests;

/// <summary>infra-bicep compiles without warnings, and its resources are secure and match the code.</summary>
public sealed partial class TemplateTests(Bicep bicep)
{
    /// <summary>
    /// Maximum number of user connections by SKU: learn.microsoft.com/azure/postgresql/flexible-server/concepts-limits, "Maximum user
    /// connections".
    /// </summary>
    private static readonly Dictionary<string, int> UserConnections = new()
    {
        ["Standard_B1ms"] = 35,
        ["Standard_B2s"] = 414,
        ["Standard_B2ms"] = 844,
        ["Standard_B4ms"] = 1703,
        ["Standard_D2ds_v5"] = 844,
        ["Standard_D4ds_v5"] = 1703,
        ["Standard_D8ds_v5"] = 3422,
        ["Standard_D16ds_v5"] = 4985,
        ["Standard_E2ds_v5"] = 1703,
        ["Standard_E4ds_v5"] = 3422,
        ["Standard_E8ds_v5"] = 4985,
    };

    private static readonly MethodInfo[] Functions = [.. typeof(SettingReader).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods())
        .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null)];

    /// <summary>
    /// Azure Monitor accepts no diagnostic settings for these, or their parent's setting covers them. For Application Insights a setting
    /// would store the telemetry twice.
    /// </summary>
    private static readonly HashSet<string> WithoutDiagnostics =
    [
        "Microsoft.Authorization/roleAssignments", "Microsoft.Cdn/profiles/afdEndpoints", "Microsoft.Cdn/profiles/afdEndpoints/routes",
        "Microsoft.Cdn/profiles/originGroups", "Microsoft.Cdn/profiles/originGroups/origins", "Microsoft.Consumption/budgets",
        "Microsoft.DBforPostgreSQL/flexibleServers/administrators", "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        "Microsoft.DBforPostgreSQL/flexibleServers/databases", "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
        "Microsoft.Insights/actionGroups", "Microsoft.Insights/components", "Microsoft.Insights/diagnosticSettings",
        "Microsoft.Insights/metricAlerts", "Microsoft.Insights/scheduledQueryRules",
        "Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "Microsoft.Network/privateDnsZones", "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "Microsoft.Network/privateEndpoints", "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        "Microsoft.ServiceBus/namespaces/queues", "Microsoft.Storage/storageAccounts/blobServices/containers",
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies", "Microsoft.Web/sites/config",
    ];

    public static TheoryData<string> Environments => [.. Bicep.EnvironmentNames];

    public static TheoryData<string> EnvironmentsAndFrontDoor => [.. Bicep.EnvironmentNames, Bicep.BehindFrontDoor];

    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Bicep.Folder).Where(file => Path.GetExtension(file) is ".bicep" or ".bicepparam")
            .Select(file => Path.GetFileName(file)!)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Lint_OfEveryFile_ReportsNothing(string file)
    {
        var (_, complaints) = await Bicep.RunAsync("lint", Path.Combine(Bicep.Folder, file));

        Assert.Empty(complaints);
    }

    [Fact]
    public void Environments_AreDevAndProd() => Assert.Equal(["dev", "prod"], Bicep.EnvironmentNames);

    [Fact]
    public void EveryParameter_OfMain_IsDescribed() => Assert.All(bicep.Compiled["parameters"]!.AsObject(), parameter =>
        Assert.True(parameter.Value!["metadata"]?["description"] is not null, $"{parameter.Key} has no description"));

    [Theory]
    [MemberData(nameof(Environments))]
    public void Connections_OfAllInstances_StayUnderFourFifthsOfTheServers(string environment)
    {
        var template = bicep.Environment(environment);
        var scale = template.Only("Microsoft.Web/sites")["functionAppConfig"]!["scaleAndConcurrency"]!;
        var most = (int)scale["maximumInstanceCount"]!;
        // With availability zones, the platform runs at least two instances.
        var alwaysReady = scale["alwaysReady"]!.AsArray().Sum(group =>
            (bool)template.Only("Microsoft.Web/serverfarms")["zoneRedundant"]! ? Math.Max(2, (int)group!["instanceCount"]!)
                : (int)group!["instanceCount"]!);
        var queues = Functions.Count(Has<ServiceBusTriggerAttribute>);
        var timers = Functions.Count(Has<TimerTriggerAttribute>);
        // All routes form one group, each queue function forms one, and a timer runs on one instance because of its lease.
        var (http, others) = (alwaysReady + most, (queues * most) + timers);
        var all = int.Parse(template.Settings["DATABASE_POOL_SIZE"]);
        var connections = (http * all) + (others * DatabaseSettings.ConnectionsOf(DatabasePool.Background, all));
        var server = UserConnections[(string)template.Resources("Microsoft.DBforPostgreSQL/flexibleServers").Single()["sku"]!["name"]!];

        Assert.True(queues == 2 && timers >= 7, $"{queues} queue functions and {timers} timers were found");
        Assert.True(connections <= 0.8 * server, $"{environment}: {http} + {others} instances use {connections} of {server} connections");
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void ConnectionAlert_FiresBeforeTheServersLimit(string environment)
    {
        var template = bicep.Environment(environment);
        var server = UserConnections[(string)template.Resources("Microsoft.DBforPostgreSQL/flexibleServers").Single()["sku"]!["name"]!];

        var threshold = (int)template.Only("Microsoft.Insights/metricAlerts",
            $"connections-licences-{environment}")["criteria"]!["allOf"]![0]!["threshold"]!;

        Assert.Equal(server * 9 / 10, threshold);
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Settings_AreThoseOfTheSample(string environment)
    {
        // For these settings of the sample, the template has others with the same purpose.
        Dictionary<string, string[]> otherwise = new()
        {
            ["AzureWebJobsStorage"] =
                ["AzureWebJobsStorage__accountName", "AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId"],
            ["ServiceBus"] = ["ServiceBus__fullyQualifiedNamespace", "ServiceBus__credential", "ServiceBus__clientId"],
            ["FUNCTIONS_WORKER_RUNTIME"] = [],
            ["EMULATOR_HTTP_PORT"] = [],
        };
        var sample = JsonDocument.Parse(Repository.Read("local.settings.sample.json")).RootElement.GetProperty("Values").EnumerateObject()
            .SelectMany(setting => otherwise.GetValueOrDefault(setting.Name, [setting.Name]));

        var settings = bicep.Environment(environment).Settings;

        Assert.Equal(
            sample.Concat(["APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "AzureWebJobsDisableHomepage"]).Order(), settings.Keys.Order());
        Assert.Equal("dotnet-isolated", (string?)bicep.Environment(environment)
            .Only("Microsoft.Web/sites")["functionAppConfig"]!["runtime"]!["name"]);
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Settings_ThatBindingsName_HaveAValue(string environment)
    {
        var settings = bicep.Environment(environment).Settings;
        var named = Functions.SelectMany(method => method.GetParameters())
            .SelectMany(parameter => parameter.CustomAttributes)
            .SelectMany(attribute => attribute.ConstructorArguments.Select(argument => argument.Value as string))
            .SelectMany(text => InPercentSigns().Matches(text ?? "").Select(match => match.Groups[1].Value))
            .ToHashSet();

        Assert.Contains("RENEWAL_SCHEDULE", named);
        Assert.All(named, name => Assert.NotEmpty(settings[name]));
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Secrets_AreOnlyInTheVault(string environment)
    {
        var template = bicep.Environment(environment);
        var secrets = template.Settings.Where(setting => IsSecret().IsMatch(setting.Key) && setting.Key != "STRIPE_PUBLISHABLE_KEY")
            .ToList();

        Assert.True(secrets.Count >= 9, "fewer than 9 settings were recognized as secrets");
        Assert.Contains(secrets, secret => secret.Value.Length > 0);
        Assert.All(secrets, secret =>
            Assert.Matches($"^$|^{Regex.Escape($"@Microsoft.KeyVault(VaultName=")}kv-[a-z0-9-]+;SecretName={SecretName(secret.Key)}\\)$",
            secret.Value));
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Database_HasNoPasswordAndAVerifiedCertificate(string environment)
    {
        var template = bicep.Environment(environment);
        var server = template.Only("Microsoft.DBforPostgreSQL/flexibleServers");

        Assert.Equal("Disabled", (string?)server["authConfig"]!["passwordAuth"]);
        Assert.Equal("Enabled", (string?)server["authConfig"]!["activeDirectoryAuth"]);
        Assert.Null(server["administratorLoginPassword"]);
        Assert.Contains("'postgresql://{0}@{1}:{2}/{3}?sslmode=verify-full'", template.Settings["DATABASE_URL"]);
        Assert.Equal("on", template.DatabaseParameter("require_secure_transport"));
        Assert.Equal("TIMESCALEDB,UUID-OSSP", template.DatabaseParameter("azure.extensions"));
        Assert.Contains("timescaledb", template.DatabaseParameter("shared_preload_libraries").Split(','));
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Keys_AreDisabled(string environment)
    {
        var template = bicep.Environment(environment);

        Assert.False((bool)template.Only("Microsoft.Storage/storageAccounts")["allowSharedKeyAccess"]!);
        Assert.False((bool)template.Only("Microsoft.Storage/storageAccounts")["allowBlobPublicAccess"]!);
        Assert.True((bool)template.Only("Microsoft.ServiceBus/namespaces")["disableLocalAuth"]!);
        Assert.True((bool)template.Only("Microsoft.Insights/components")["DisableLocalAuth"]!);
        Assert.True((bool)template.Only("Microsoft.KeyVault/vaults")["enableRbacAuthorization"]!);
        Assert.Equal(2, template.Resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies").Count());
        Assert.All(template.Resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies"), door =>
            Assert.False((bool)door["properties"]!["allow"]!));
        Assert.Equal("UserAssignedIdentity",
            (string?)template.Only("Microsoft.Web/sites")["functionAppConfig"]!["deployment"]!["storage"]!["authentication"]!["type"]);
    }

    [Fact]
    public void Template_HasNoSecretAndReadsNoKey()
    {
        var text = bicep.Compiled.ToJsonString(
            new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })
            + string.Concat(Directory.EnumerateFiles(Bicep.Folder, "*", SearchOption.AllDirectories).Select(File.ReadAllText));

        Assert.DoesNotMatch(
            @"(?i)\blist(Keys|Secrets|ConnectionStrings|AccountSas|ServiceSas|HostKeys)?\(|AccountKey=|SharedAccessKey|"
            + @"password\s*[:=]\s*'",
            text);
        Assert.DoesNotMatch(@"(sk|rk)_(live|test)_\w|whsec_\w|smtps?://[^/']+:[^/']+@|eyJ[A-Za-z0-9_-]{10}|'[A-Za-z0-9+/]{40,}={0,2}'",
            text);
        Assert.DoesNotMatch("(?i)(key|secret|password|token|connectionstring)",
            string.Join(' ', bicep.Compiled["outputs"]!.AsObject().Select(output => output.Key)));
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Tls_IsAtLeast12(string environment)
    {
        var template = bicep.Environment(environment);
        var site = template.Only("Microsoft.Web/sites");

        Assert.True((bool)site["httpsOnly"]!);
        Assert.Contains((string)site["siteConfig"]!["minTlsVersion"]!, new[] { "1.2", "1.3" });
        Assert.Contains((string)site["siteConfig"]!["scmMinTlsVersion"]!, new[] { "1.2", "1.3" });
        Assert.Equal("Disabled", (string?)site["siteConfig"]!["ftpsState"]);
        Assert.Contains((string)template.Only("Microsoft.Storage/storageAccounts")["minimumTlsVersion"]!, new[] { "TLS1_2", "TLS1_3" });
        Assert.True((bool)template.Only("Microsoft.Storage/storageAccounts")["supportsHttpsTrafficOnly"]!);
        Assert.Contains((string)template.Only("Microsoft.ServiceBus/namespaces")["minimumTlsVersion"]!, new[] { "1.2", "1.3" });
        Assert.Contains(template.DatabaseParameter("ssl_min_protocol_version"), new[] { "TLSv1.2", "TLSv1.3" });
    }

    [Fact]
    public void Production_HasNeitherAPublicDatabaseNorAPublicVault()
    {
        var prod = bicep.Environment("prod");

        Assert.Equal("Disabled", (string?)prod.Only("Microsoft.DBforPostgreSQL/flexibleServers")["network"]!["publicNetworkAccess"]);
        Assert.Empty(prod.Resources("Microsoft.DBforPostgreSQL/flexibleServers/firewallRules"));
        Assert.Equal("Disabled", (string?)prod.Only("Microsoft.KeyVault/vaults")["publicNetworkAccess"]);
        Assert.Equal(
            ["postgresqlServer", "vault"],
            prod.Resources("Microsoft.Network/privateEndpoints")
                .Select(one => (string)one["properties"]!["privateLinkServiceConnections"]![0]!["properties"]!["groupIds"]![0]!).Order());
        Assert.NotNull(prod.Only("Microsoft.Web/sites")["virtualNetworkSubnetId"]);
    }

    [Fact]
    public void Production_HasAlwaysReadyRoutesAndAStandbyDatabase()
    {
        var prod = bicep.Environment("prod");

        Assert.Equal("""[{"name":"http","instanceCount":1}]""",
            prod.Only("Microsoft.Web/sites")["functionAppConfig"]!["scaleAndConcurrency"]!["alwaysReady"]!.ToJsonString());
        Assert.Equal("ZoneRedundant", (string?)prod.Only("Microsoft.DBforPostgreSQL/flexibleServers")["highAvailability"]!["mode"]);
        Assert.Equal("Enabled", (string?)prod.Only("Microsoft.DBforPostgreSQL/flexibleServers")["backup"]!["geoRedundantBackup"]);
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void Queue_IsTheOneOfTheTriggers(string environment)
    {
        var template = bicep.Environment(environment);
        var queue = template.Only("Microsoft.ServiceBus/namespaces/queues", "/" + template.Settings["USAGE_QUEUE"]);

        Assert.Equal("PT5M", (string?)queue["lockDuration"]);
        Assert.Equal(10, (int)queue["maxDeliveryCount"]!);
        Assert.True((bool)queue["deadLetteringOnMessageExpiration"]!);
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void SilentTimerAlert_CoversEveryTimerWithASlotInItsWindow(string environment)
    {
        var template = bicep.Environment(environment);
        var rule = template.Only("Microsoft.Insights/scheduledQueryRules", $"timer-silent-licences-{environment}");
        var window = System.Xml.XmlConvert.ToTimeSpan((string)rule["windowSize"]!);
        var watched = Quoted().Match((string)rule["criteria"]!["allOf"]![0]!["query"]!).Groups[1].Value.Split(',')
            .Select(name => name.Trim('"'));

        var frequent = Functions.Where(Has<TimerTriggerAttribute>)
            .Where(method => LongestPause(Schedule(method, template.Settings)) < window)
            .Select(method => method.GetCustomAttribute<FunctionAttribute>()!.Name);

        Assert.Equal(frequent.Order(), watched.Order());
    }

    [Theory]
    [MemberData(nameof(EnvironmentsAndFrontDoor))]
    public void Diagnostics_OfEveryResource_AreSentToTheWorkspace(string environment)
    {
        var template = bicep.Environment(environment);
        var workspace = (string)template.Resources("Microsoft.OperationalInsights/workspaces").Single()["id"]!;
        var settings = template.Resources("Microsoft.Insights/diagnosticSettings").ToList();
        const string Suffix = "/providers/Microsoft.Insights/diagnosticSettings/workspace";

        var wanted = template.AllResources.Where(resource => !WithoutDiagnostics.Contains((string)resource["type"]!))
            .Select(resource => (string)resource["id"]! + Suffix);

        Assert.Equal(wanted.Order(), settings.Select(setting => (string)setting["id"]!).Order());
        Assert.All(settings, setting => Assert.Equal(workspace, (string?)setting["properties"]!["workspaceId"]));
        Assert.All(settings, setting => Assert.True((bool)setting["properties"]!["metrics"]![0]!["enabled"]!));
        // An App Service plan and a storage account have no logs; the account's blob and table services have.
        Assert.Equal(2, settings.Count(setting => setting["properties"]!["logs"] is null));
        Assert.All(settings.Select(setting => setting["properties"]!["logs"]).OfType<JsonArray>(), logs =>
            Assert.Equal("""[{"categoryGroup":"allLogs","enabled":true}]""", logs.ToJsonString()));
    }

    [Theory]
    [MemberData(nameof(Environments))]
    public void ClientAddress_WithoutFrontDoor_TrustsNoHeader(string environment)
    {
        var template = bicep.Environment(environment);

        Assert.Equal("", template.Settings["CLIENT_ADDRESS_HEADER"]);
        Assert.Equal("", template.Settings["FRONT_DOOR_ID"]);
        Assert.Equal("Allow", (string?)template.Only("Microsoft.Web/sites")["siteConfig"]!["ipSecurityRestrictionsDefaultAction"]);
    }

    [Fact]
    public void ClientAddress_BehindFrontDoor_IsItsHeaderAndRequiresItsId()
    {
        var template = bicep.Environment(Bicep.BehindFrontDoor);
        var restrictions = template.Only("Microsoft.Web/sites")["siteConfig"]!;

        // Only Azure knows the ID, so values that depend on it stay expressions here.
        const string Id = @"reference\('.*/Microsoft.Cdn/profiles/afd-licences-prod', '[0-9-]+'\).frontDoorId";
        Assert.Matches(
            $@"^\[if\(empty\({Id}\), coalesce\(.*'CLIENT_ADDRESS_HEADER'\), ''\), 'X-Azure-SocketIP'\)\]$",
            template.Settings["CLIENT_ADDRESS_HEADER"]);
        Assert.Matches($@"^\[{Id}\]$", template.Settings["FRONT_DOOR_ID"]);
        Assert.Contains("'Deny'", (string)restrictions["ipSecurityRestrictionsDefaultAction"]!);
        Assert.Contains("'AzureFrontDoor.Backend'", (string)restrictions["ipSecurityRestrictions"]!);
        Assert.Contains("'x-azure-fdid'", (string)restrictions["ipSecurityRestrictions"]!);
    }

    /// <summary>Bicep infers no dependency from a module's reference to a resource by name.</summary>
    [Fact]
    public void Modules_ThatNameAResource_DependOnTheModuleThatCreatesIt()
    {
        var files = Module().Matches(File.ReadAllText(Path.Combine(Bicep.Folder, "main.bicep")))
            .Select(match => (Module: match.Groups[1].Value, Text: File.ReadAllText(Path.Combine(Bicep.Folder, match.Groups[2].Value))));
        var resources = files.SelectMany(file => Resource().Matches(file.Text)
            .Select(match => (file.Module, Type: match.Groups[1].Value, Named: match.Groups[2].Value == " existing"))).ToList();
        var makers = resources.Where(one => !one.Named).ToLookup(made => made.Type, made => made.Module);
        var named = resources.Where(one => one.Named).Select(one => (one.Module, one.Type)).ToList();
        HashSet<string> Before(string module) => [.. bicep.Compiled["resources"]![module]!["dependsOn"]?.AsArray()
            .SelectMany(other => Before((string)other!).Append((string)other!)) ?? []];

        Assert.Contains(("roles", "Microsoft.KeyVault/vaults"), named);
        Assert.All(named, one => Assert.True(
            makers[one.Type].Any(Before(one.Module).Contains), $"{one.Module} doesn't wait for {one.Type}"));
    }

    [Fact]
    public void RoleAssignments_AreInOneFile() =>
        Assert.Equal(["roles.bicep"], Directory.EnumerateFiles(Bicep.Folder, "*.bicep", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains("Microsoft.Authorization/roleAssignments", StringComparison.Ordinal))
                .Select(Path.GetFileName));

    [Fact]
    public void Workflow_SetsTheVariablesOfTheParametersAndUsesTheOutputs()
    {
        var workflow = Repository.Read(".github/workflows/deploy.yml");
        var read = Directory.EnumerateFiles(Bicep.Folder, "*.bicepparam")
            .SelectMany(file => ReadVariable().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)).ToHashSet();
        // .value in a jq expression is not an output.
        var used = UsedOutput().Matches(workflow).Select(match => match.Groups[1].Value).Where(name => name != "value").ToHashSet();

        Assert.Contains("ALERT_EMAIL", read);
        // GitHub itself sets the first variable; only personal environments use the others.
        string[] elsewhere = ["GITHUB_REPOSITORY", "DEVELOPER_ID", "DEVELOPER_NAME"];
        Assert.All(read.Except(elsewhere), name => Assert.Contains($"          {name}: ${{{{ vars.{name} }}}}", workflow));
        Assert.Contains("migrateIdentityClientId", used);
        Assert.Empty(used.Except(bicep.Compiled["outputs"]!.AsObject().Select(output => output.Key)));
    }

    [Fact]
    public void Workflow_PinsActionsToACommit()
    {
        var actions = Directory.EnumerateFiles(Path.Combine(Repository.Root, ".github/workflows"))
            .SelectMany(File.ReadLines).Select(line => line.Trim()).Where(line => line.Contains("uses: ")).ToList();

        Assert.NotEmpty(actions);
        Assert.All(actions, action => Assert.Matches(@"^- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action));
        // All uses of an action must have the same commit; otherwise an update was incomplete.
        Assert.All(actions.Distinct().GroupBy(action => action.Split('@')[0]), versions => Assert.Single(versions));
    }

    [Fact]
    public void Workflow_ChecksThePackageBeforeItIsStored()
    {
        var workflow = Repository.Read(".github/workflows/deploy.yml");

        Assert.Matches(
            @"dotnet publish src/LicenseFunctions -c Release -p:ServiceBusExtension=Official [^\n]*\n"
            + @" +\.github/check-package [^\n]*\n[^\n]*zip -qr",
            workflow);
    }

    [Fact]
    public void Azd_FindsParametersProjectAndApp()
    {
        var azure = Repository.Read("azure.yaml");
        string Value(string key) => Regex.Match(azure, $@"^ *{key}: ([^\s#]+)", RegexOptions.Multiline).Groups[1].Value;
        var template = bicep.Environment(Value("module"));

        Assert.Equal("infra-bicep", Value("path"));
        Assert.Single(Directory.EnumerateFiles(Path.Combine(Repository.Root, Value("project")), "*.csproj"));
        Assert.Matches(@"^services:\n  app:$", Regex.Match(azure, @"^services:\n.*$", RegexOptions.Multiline).Value);
        Assert.Equal("app", (string?)template.Resources("Microsoft.Web/sites").Single()["tags"]!["azd-service-name"]);
        var steps = Regex.Matches(
            azure, @"^ +(\w+):\n +shell: sh\n +run: (?:\.\./\.\./)?infra-bicep/azd-hook (\w+)$", RegexOptions.Multiline);
        Assert.Equal(
            ["postdeploy", "postprovision", "predeploy", "prepackage", "preprovision"], steps.Select(step => step.Groups[1].Value).Order());
        Assert.All(steps, step => Assert.Equal(step.Groups[1].Value, step.Groups[2].Value));
        var hook = Repository.Read("infra-bicep/azd-hook");
        var outputs = bicep.Compiled["outputs"]!.AsObject().Select(output => output.Key).ToHashSet();
        Assert.All(Regex.Matches(hook, @"\$([a-z]+[A-Z]\w*)"), match => Assert.Contains(match.Groups[1].Value, outputs));
    }

    private static bool Has<T>(MethodInfo method)
        where T : Attribute => method.GetParameters().Any(parameter => parameter.GetCustomAttribute<T>() is not null);

    private static string SecretName(string setting) => setting.ToLowerInvariant().Replace('_', '-');

    private static CrontabSchedule Schedule(MethodInfo method, IReadOnlyDictionary<string, string> settings)
    {
        var attribute = method.GetParameters().SelectMany(parameter => parameter.CustomAttributes)
            .Single(attribute => attribute.AttributeType == typeof(TimerTriggerAttribute));
        return CrontabSchedule.Parse(settings[((string)attribute.ConstructorArguments[0].Value!).Trim('%')],
            new CrontabSchedule.ParseOptions { IncludingSeconds = true });
    }

    private static TimeSpan LongestPause(CrontabSchedule schedule)
    {
        var start = new DateTime(2026, 11, 23, 0, 0, 0, DateTimeKind.Utc);
        var ticks = schedule.GetNextOccurrences(start, start.AddDays(3)).ToList();
        return ticks.Zip(ticks.Skip(1), (one, next) => next - one).Max();
    }

    [GeneratedRegex(@"^module (\w+) '([^']+)'", RegexOptions.Multiline)]
    private static partial Regex Module();

    [GeneratedRegex(@"^resource \w+ '([^'@]+)@[^']+'( existing)?", RegexOptions.Multiline)]
    private static partial Regex Resource();

    [GeneratedRegex("%([A-Z_]+)%")]
    private static partial Regex InPercentSigns();

    [GeneratedRegex(@"readEnvironmentVariable\('(\w+)'")]
    private static partial Regex ReadVariable();

    [GeneratedRegex(@"(?:infrastructure\.outputs\.|steps\.outputs\.outputs\.|properties\.outputs\.|\(\.)(\w+)(?:\.value| \}\})")]
    private static partial Regex UsedOutput();

    [GeneratedRegex("SECRET|KEY|TOKEN|PASSWORD|SMTP|WEBHOOK")]
    private static partial Regex IsSecret();

    [GeneratedRegex(@"^datatable\(function:string\)\[([^\]]+)\]")]
    private static partial Regex Quoted();
}
