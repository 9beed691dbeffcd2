using System.Diagnostics;
using System.Text.Json;
using LicenseFunctions.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Infrastructure.Tests;

/// <summary>The deployment scripts, with stand-ins for the backend, az and psql.</summary>
public sealed class ScriptTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("scripts").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task SmokeTest_WithoutAnOperatorToken_NamesTheSkippedChecks()
    {
        var (code, output) = await SmokeTestAsync(token: "", request => Seen("198.18.0.9"));

        Assert.Equal(0, code);
        Assert.Contains("::warning::NOT CHECKED: whether the backend sees its callers' own addresses", output);
    }

    [Theory]
    [InlineData("198.18.0.9")]
    [InlineData("2600:1f18::9")]
    public async Task SmokeTest_AddressThatNoHeaderChanges_Passes(string address)
    {
        var (code, output) = await SmokeTestAsync("operator", request => Seen(address));

        Assert.True(code == 0, output);
        Assert.Contains("ok: the caller's own address is seen", output);
    }

    [Theory]
    [InlineData("X-Forwarded-For")]
    [InlineData("Client-IP")]
    [InlineData("X-Azure-ClientIP")]
    [InlineData("X-Azure-SocketIP")]
    public async Task SmokeTest_AddressFromAHeaderOfTheCaller_Fails(string header)
    {
        var (code, output) = await SmokeTestAsync("operator", request => Seen(request.Headers[header].FirstOrDefault() ?? "198.18.0.9"));

        Assert.Equal(1, code);
        Assert.Contains("not ok: the backend trusts an address that the caller wrote into a header", output);
    }

    [Theory]
    [InlineData("169.254.129.1")]
    [InlineData("10.0.0.4")]
    [InlineData("172.16.0.1")]
    [InlineData("100.64.0.1")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("fd00::1")]
    [InlineData(null)]
    public async Task SmokeTest_AddressThatNoCallerHas_Fails(string? address)
    {
        var (code, output) = await SmokeTestAsync("operator", request => Seen(address));

        Assert.Equal(1, code);
        Assert.Contains("which is not a public address", output);
    }

    [Fact]
    public async Task SmokeTest_WarningOfTheBackend_IsReported()
    {
        var (code, output) = await SmokeTestAsync("operator", request => Seen("198.18.0.9", "the last 1,000 checks came from one address"));

        Assert.Equal(0, code);
        Assert.Contains("::warning::the last 1,000 checks came from one address", output);
    }

    [Fact]
    public async Task CheckPackage_CompletePackage_Passes()
    {
        WritePackage();

        var (code, output) = await RunAsync(".github/check-package", [folder]);

        Assert.True(code == 0, output);
        Assert.Contains("ok: the functions are the", output);
    }

    [Fact]
    public async Task CheckPackage_WithoutServiceBus_Fails()
    {
        WritePackage();
        Write("extensions.json", """{"extensions":[{"name":"Startup","typeName":"X.Startup, X","hintPath":"./.azurefunctions/X.dll"}]}""");

        var (code, output) = await RunAsync(".github/check-package", [folder]);

        Assert.Equal(1, code);
        Assert.Contains("not ok: the package has the Service Bus extension: publish with -p:ServiceBusExtension=Official", output);
    }

    [Fact]
    public async Task CheckPackage_WithoutTheExtensionsAssembly_Fails()
    {
        WritePackage();
        File.Delete(Path.Combine(folder, ".azurefunctions/Microsoft.Azure.WebJobs.Extensions.ServiceBus.dll"));

        var (code, output) = await RunAsync(".github/check-package", [folder]);

        Assert.Equal(1, code);
        Assert.Contains("not ok: the package has the Service Bus extension: ./.azurefunctions/", output);
    }

    [Fact]
    public async Task CheckPackage_WithAnExtraFunction_NamesIt()
    {
        WritePackage("SignInAsDemoPerson");

        var (code, output) = await RunAsync(".github/check-package", [folder]);

        Assert.Equal(1, code);
        Assert.Contains("of the inventory: SignInAsDemoPerson", output);
    }

    [Theory]
    [InlineData("LicenseFunctions.pdb")]
    [InlineData("LicenseFunctions.xml")]
    [InlineData(".azurefunctions/X.pdb")]
    [InlineData("local.settings.json")]
    public async Task CheckPackage_WithAFileThatMustNotBePublished_Fails(string file)
    {
        WritePackage();
        Write(file, "x");

        var (code, output) = await RunAsync(".github/check-package", [folder]);

        Assert.Equal(1, code);
        Assert.Contains($"or local settings: {file}", output);
    }

    [Fact]
    public async Task MigrateDatabase_MigratesThenCreatesTheRoleThenGrants()
    {
        StandIn("licensectl", "echo \"licensectl $* (${PGSSLROOTCERT:-no certificates of psql})\"");
        StandIn("psql", "echo \"psql $*\"; [ \"${*: -2:1}\" = -f ] || cat");

        var (code, output) = await RunAsync("infra-bicep/migrate-database", ["licensectl"],
            ("PGHOST", "db.example.com"), ("PGUSER", "anna#ext@example.com"), ("PGPASSWORD", "token"),
            ("DATABASE", "execution_control"), ("APP_ROLE", "id-app"), ("APP_PRINCIPAL", "1-2-3"));

        Assert.True(code == 0, output);
        Assert.Matches("""
            ^licensectl migrate --database postgresql://anna%23ext%40example\.com@db\.example\.com/.*\?sslmode=verify-full \(no cert.*
            psql -X -v ON_ERROR_STOP=1 -v role=id-app -v principal=1-2-3 -d postgres
            select pgaadauth_create_principal_with_oid\(:'role', :'principal', 'service', false, false\)
            where not exists .*
            psql -X -v ON_ERROR_STOP=1 -v app_role=id-app -d execution_control -f .*/infra-bicep/app-role\.sql$
            """, output.TrimEnd());
    }

    [Theory]
    [InlineData("timescaledb", "restarting psql-1 for: timescaledb\naz postgres flexible-server restart -g group -n psql-1\n")]
    [InlineData("", "")]
    public async Task RestartDatabase_RestartsOnlyIfAParameterRequiresIt(string waiting, string expected)
    {
        StandIn("az", $"if [ \"$3\" = parameter ]; then echo '{waiting}'; else echo \"az $*\"; fi");

        var (code, output) = await RunAsync("infra-bicep/restart-database", ["group", "psql-1"]);

        Assert.Equal((0, expected), (code, output));
    }

    [Fact]
    public async Task AzdHook_BeforeProvisioning_RequiresAlertEmailAndStoresTheDeveloper()
    {
        StandIn("az", """
            case "$*" in *user.type*) echo user ;; *userPrincipalName*) echo anna@example.com ;; *signed-in-user*) echo 11-22 ;; esac
            """);
        StandIn("azd", "echo \"azd $*\"");

        var (unsaid, refusal) = await RunAsync("infra-bicep/azd-hook", ["preprovision"],
            ("AZURE_SUBSCRIPTION_ID", "sub"), ("ALERT_EMAIL", ""));
        var (code, output) = await RunAsync("infra-bicep/azd-hook", ["preprovision"],
            ("AZURE_SUBSCRIPTION_ID", "sub"), ("ALERT_EMAIL", "a@example.com"));

        Assert.Equal(1, unsaid);
        Assert.Contains("azd env set ALERT_EMAIL", refusal);
        Assert.Equal((0, "azd env set DEVELOPER_ID 11-22\nazd env set DEVELOPER_NAME anna@example.com\n"), (code, output));
    }

    [Fact]
    public async Task AzdHook_AfterProvisioning_AddsOnlyMissingSecrets()
    {
        StandIn("az", "case \"$*\" in *'secret list'*) echo auth-signing-key ;; *'secret set'*) echo \"set $7\" ;; esac");

        var (code, output) = await RunAsync("infra-bicep/azd-hook", ["postprovision"],
            ("AZURE_SUBSCRIPTION_ID", "sub"), ("AZURE_RESOURCE_GROUP", "group"), ("serverName", "psql-1"), ("vaultName", "kv-1"));

        Assert.Equal((0, "set link-signing-keys\n"), (code, output));
    }

    [Theory]
    [InlineData("", 0, "")]
    [InlineData("exit 1", 1, "azd-hook: the migration failed.")]
    public async Task AzdHook_BeforeDeploying_OpensTheDatabaseOnlyWhileItMigrates(string migration, int expected, string complaint)
    {
        CopyScripts();
        StandIn("az", "case \"$*\" in *access-token*) echo token ;; *) echo \"az $1 $2\" ;; esac");
        StandIn("psql", "echo psql; [ \"${*: -2:1}\" = -f ] || cat >/dev/null");
        StandIn("../dev", $"echo \"dev $1 $2\"; {migration}");

        var (code, output) = await RunAsync(Path.Combine(folder, "infra-bicep/azd-hook"), ["predeploy"],
            ("AZURE_SUBSCRIPTION_ID", "sub"), ("AZURE_RESOURCE_GROUP", "group"), ("MIGRATION_ADDRESS", "198.18.0.9"),
            ("serverName", "psql-1"), ("serverHost", "db.example.com"), ("DEVELOPER_NAME", "anna@example.com"), ("databaseName", "db"),
            ("appIdentityName", "id-app"), ("appIdentityPrincipalId", "1-2-3"));

        Assert.Equal(expected, code);
        Assert.Contains(complaint, output);
        var rest = expected == 0 ? "psql\npsql\n" : "azd-hook: .*\n";
        Assert.Matches($"^az account set\naz resource create\ndev tool migrate\n{rest}az resource delete\n$", output);
    }

    [Fact]
    public async Task AzdHook_BeforePackaging_BuildsThePagesAndSelectsTheOfficialExtension()
    {
        CopyScripts();
        StandIn("npm", "echo \"npm $*\"");
        StandIn("azd", "echo \"azd $*\"");

        var (code, output) = await RunAsync(Path.Combine(folder, "infra-bicep/azd-hook"), ["prepackage"]);

        Assert.True(code == 0, output);
        Assert.Matches("^npm ci .*\nnpm run build .*\nazd env set ServiceBusExtension Official\n$", output);
    }

    private static object Seen(string? address, string? warning = null) => new { client_address = address, address_warning = warning };

    /// <summary>Runs it against a stand-in for the backend; <paramref name="system"/> is the answer to GET /api/v1/system.</summary>
    private async Task<(int Code, string Said)> SmokeTestAsync(string token, Func<HttpRequest, object> system)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        await using var backend = builder.Build();
        backend.Urls.Add("http://127.0.0.1:0");
        backend.MapGet("/healthz", () => "ok");
        backend.MapGet("/readyz", () => "ready");
        backend.MapGet("/openapi.json", () => "\"/api/v1/licenses/validate\"");
        backend.MapPost("/api/v1/licenses/validate", () => "\"NOT_FOUND\"");
        backend.MapGet("/api/v1/licenses", () => Results.Text("\"code\"", statusCode: 401));
        backend.MapGet("/app/", () => "<html");
        backend.MapGet("/api/v1/system", (HttpRequest request) =>
            request.Headers.Authorization == $"Bearer {token}" ? Results.Json(system(request)) : Results.StatusCode(401));
        await backend.StartAsync();

        return await RunAsync(".github/smoke-test", [backend.Urls.Single()], ("SMOKE_OPERATOR_TOKEN", token), ("SMOKE_PAUSE", "0"));
    }

    /// <summary>Writes the files of a published package that check-package reads.</summary>
    private void WritePackage(params string[] furtherFunctions)
    {
        var functions = JsonDocument.Parse(Repository.Read("src/LicenseFunctions/functions.inventory.json")).RootElement
            .GetProperty("functions").EnumerateArray()
            .Select(function => new { name = function.GetProperty("name").GetString()!, bindings = function.GetProperty("bindings") })
            .Concat(furtherFunctions.Select(name => new { name, bindings = JsonDocument.Parse("[]").RootElement }));
        Write("functions.metadata", JsonSerializer.Serialize(functions));
        Write("extensions.json", """
            {"extensions":[{"name":"ServiceBus",
            "typeName":"Microsoft.Azure.WebJobs.ServiceBus.ServiceBusWebJobsStartup, Microsoft.Azure.WebJobs.Extensions.ServiceBus",
            "hintPath":"./.azurefunctions/Microsoft.Azure.WebJobs.Extensions.ServiceBus.dll"}]}
            """);
        foreach (var file in (string[])["host.json", "worker.config.json", "LicenseFunctions.dll", "dashboard/index.html",
                     ".azurefunctions/Microsoft.Azure.WebJobs.Extensions.ServiceBus.dll"])
            Write(file, "x");
    }

    private void CopyScripts()
    {
        foreach (var script in (string[])["azd-hook", "migrate-database"])
        {
            var copy = Write($"infra-bicep/{script}", "");
            File.Copy(Path.Combine(Bicep.Folder, script), copy, overwrite: true);
        }
    }

    private string Write(string file, string text)
    {
        var path = Path.Combine(folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    private void StandIn(string program, string script) =>
        File.SetUnixFileMode(
            Write($"bin/{program}", $"#!/usr/bin/env bash\n{script}\n"), UnixFileMode.UserRead | UnixFileMode.UserExecute);

    private async Task<(int Code, string Said)> RunAsync(
        string script, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("bash", ["-c", "exec \"$0\" \"$@\" 2>&1", Path.Combine(Repository.Root, script), .. arguments])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = Repository.Root,
            Environment = { ["PATH"] = $"{folder}/bin:{Environment.GetEnvironmentVariable("PATH")}" },
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }
}
