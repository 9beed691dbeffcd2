using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace LicenseFunctions.Infrastructure.Database;

/// <summary>
/// The address of a database: a <c>postgresql://</c> URI, as libpq accepts it and hosting providers show it, or an Npgsql connection
/// string.
/// </summary>
public static partial class DatabaseUrl
{
    private const int DefaultPort = 5432;

    /// <summary>libpq's options that Npgsql has under other names, and with the same values.</summary>
    private static readonly Dictionary<string, string> Renamed = new(StringComparer.Ordinal)
    {
        ["user"] = "Username",
        ["password"] = "Password",
        ["dbname"] = "Database",
        ["passfile"] = "Passfile",
        ["application_name"] = "Application Name",
        ["options"] = "Options",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["sslrootcert"] = "Root Certificate",
        ["sslnegotiation"] = "SSL Negotiation",
        ["gssencmode"] = "GSS Encryption Mode",
        ["krbsrvname"] = "Kerberos Service Name",
        ["channel_binding"] = "Channel Binding",
        ["target_session_attrs"] = "Target Session Attributes",
    };

    /// <summary>Options without effect here: the default of .NET or of the operating system applies, or the app has its own.</summary>
    private static readonly HashSet<string> Ignored = new(StringComparer.Ordinal)
    {
        "fallback_application_name", "gsslib", "keepalives_count", "sslcompression", "tcp_user_timeout",
    };

    /// <summary>Options of libpq that are ignored if they have the value that Npgsql uses in any case.</summary>
    private static readonly Dictionary<string, string[]> Fixed = new(StringComparer.Ordinal)
    {
        ["client_encoding"] = ["utf8", "utf-8", "auto"],
        ["ssl_min_protocol_version"] = ["tlsv1", "tlsv1.1", "tlsv1.2"],
        ["sslcertmode"] = ["allow"],
        ["sslsni"] = ["1"],
    };

    /// <exception cref="FormatException">
    /// The text is not an address, or Npgsql doesn't support an option. The message completes a sentence and contains no value of the text.
    /// </exception>
    public static NpgsqlConnectionStringBuilder Parse(string text)
    {
        text = text.Trim();
        var isUri = Scheme().Match(text) is { Success: true };
        try
        {
            var builder = isUri
                ? FromUri(text[(text.IndexOf("://", StringComparison.Ordinal) + 3)..])
                : new NpgsqlConnectionStringBuilder(text);
            // Npgsql checks combinations of options only here. No connection is opened.
            using var source = NpgsqlDataSource.Create(builder);
            return builder;
        }
        catch (Exception wrong) when (wrong is ArgumentException or NotSupportedException or InvalidOperationException or OverflowException)
        {
            throw new FormatException(
                isUri ? "has options that contradict each other" : "is neither a postgresql:// address nor an Npgsql connection string");
        }
    }

    private static NpgsqlConnectionStringBuilder FromUri(string text)
    {
        var pathAt = text.IndexOfAny(['/', '?']) is >= 0 and var at ? at : text.Length;
        var queryAt = text.IndexOf('?', StringComparison.Ordinal) is >= 0 and var question ? question : text.Length;
        var authority = text[..pathAt];
        var hostAt = authority.LastIndexOf('@') + 1;
        var hosts = authority[hostAt..].Split(',').Select(SplitPort).ToList();
        var options = Options(text[queryAt..].TrimStart('?'));

        var builder = new NpgsqlConnectionStringBuilder();
        if (hostAt > 0)
        {
            var person = authority[..(hostAt - 1)].Split(':', 2);
            if (person[0].Length > 0)
                builder.Username = Decode(person[0]);
            if (person.Length > 1)
                builder.Password = Decode(person[1]);
        }

        if (pathAt < queryAt && Decode(text[(pathAt + 1)..queryAt]) is { Length: > 0 } database)
            builder.Database = database;
        SetHosts(builder, hosts, options);
        foreach (var (name, value) in options)
            Set(builder, name, value, options);
        if (builder.Host!.Contains(',') && !options.ContainsKey("target_session_attrs"))
            builder.TargetSessionAttributes = "read-write"; // the app writes
        return builder;
    }

    private static (string Host, string Port) SplitPort(string text)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) + 1 : 0;
        var colon = text.IndexOf(':', end);
        return colon < 0 ? (Decode(text), "") : (Decode(text[..colon]), text[(colon + 1)..]);
    }

    private static Dictionary<string, string> Options(string query)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new FormatException("has an option without a value");
            options[Decode(pair[..equals])] = Decode(pair[(equals + 1)..]);
        }

        return options;
    }

    /// <summary>The options host and port replace those before the path. Several hosts either share one port or have one each.</summary>
    private static void SetHosts(
        NpgsqlConnectionStringBuilder builder, List<(string Host, string Port)> hosts, Dictionary<string, string> options)
    {
        if (options.Remove("host", out var named))
            hosts = [.. named.Split(',').Select((host, index) => (host, hosts.Count == 1 ? hosts[0].Port : ""))];
        if (options.Remove("port", out var numbers))
        {
            var ports = numbers.Split(',');
            if (ports.Length != 1 && ports.Length != hosts.Count)
                throw new FormatException("has a different number of ports than hosts");
            hosts = [.. hosts.Select((host, index) => (host.Host, ports[ports.Length == 1 ? 0 : index]))];
        }

        var addresses = hosts.Select(host => (
            Host: host.Host.Length > 0 ? host.Host : "localhost",
            Port: host.Port.Length > 0 ? Whole("port", host.Port) : DefaultPort)).ToList();
        if (addresses.Any(host => host.Port is < 1 or > 65_535))
            throw new FormatException("has a port that is not from 1 to 65535");
        if (addresses is [var only])
        {
            builder.Host = only.Host.Trim('[', ']');
            if (only.Port != DefaultPort)
                builder.Port = only.Port;
            return;
        }

        if (addresses.Any(host => host.Host.StartsWith('/')))
            throw new FormatException("has a Unix socket among several hosts, which is not supported");
        builder.Host = string.Join(',', addresses.Select(host => string.Create(CultureInfo.InvariantCulture, $"{host.Host}:{host.Port}")));
    }

    private static void Set(NpgsqlConnectionStringBuilder builder, string name, string value, Dictionary<string, string> options)
    {
        switch (name)
        {
            case "sslmode":
                // As in libpq: with a root certificate, "require" verifies the server's certificate.
                var verifies = value is "require" && options.ContainsKey("sslrootcert");
                Try(builder, name, "SSL Mode", verifies ? "VerifyCA" : value.Replace("-", "", StringComparison.Ordinal));
                break;
            case "sslrootcert" when value == "system":
                builder.SslMode = SslMode.VerifyFull; // without a file, .NET uses the certificates of the system
                break;
            case "connect_timeout":
                builder.Timeout = Whole(name, value) is <= 1_024 and var seconds ? seconds : throw Wrong(name);
                break;
            case "keepalives":
                builder.TcpKeepAlive = value is "0" or "1" ? value == "1" : throw Wrong(name);
                break;
            case "keepalives_idle":
                builder.TcpKeepAliveTime = Whole(name, value);
                break;
            case "keepalives_interval":
                // Npgsql has no interval without an idle time.
                if (options.ContainsKey("keepalives_idle"))
                    builder.TcpKeepAliveInterval = Whole(name, value);
                break;
            case "load_balance_hosts":
                builder.LoadBalanceHosts = value is "disable" or "random" ? value == "random" : throw Wrong(name);
                break;
            case "require_auth":
                Try(builder, name, "Require Auth", string.Join(',', value.Split(',').Select(AuthMethod)));
                break;
            case "target_session_attrs" when !builder.Host!.Contains(','):
                // With a single host, there is no choice. The app needs a host that it can write to.
                if (value is not ("any" or "read-write" or "primary" or "prefer-standby"))
                    throw Wrong(name);
                break;
            case var _ when Ignored.Contains(name):
                break;
            case var _ when Fixed.TryGetValue(name, out var values):
                if (!values.Contains(value, StringComparer.OrdinalIgnoreCase))
                    throw Wrong(name);
                break;
            default:
                Try(builder, name, Renamed.GetValueOrDefault(name, name), value);
                break;
        }
    }

    private static void Try(NpgsqlConnectionStringBuilder builder, string name, string keyword, string value)
    {
        try
        {
            builder[keyword] = value;
        }
        catch (Exception refused) when (refused is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            throw builder.TryGetValue(keyword, out _) ? Wrong(name) : Unsupported(name);
        }
    }

    /// <summary>libpq's name of an authentication method in Npgsql's spelling.</summary>
    private static string AuthMethod(string method) => method.TrimStart('!') switch
    {
        "password" => "Password",
        "md5" => "MD5",
        "gss" => "GSS",
        "sspi" => "SSPI",
        "scram-sha-256" => "ScramSHA256",
        "none" => "None",
        _ => throw Wrong("require_auth"),
    } is var spelled && method.StartsWith('!') ? "!" + spelled : spelled;

    private static int Whole(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong(name);

    private static string Decode(string text) =>
        BrokenEscape().IsMatch(text) || Uri.UnescapeDataString(text) is var decoded && decoded.Contains('\0')
            ? throw new FormatException("has a percent sign that is not followed by two hexadecimal digits: write %25 for it")
            : decoded;

    private static FormatException Wrong(string name) => new($"has an option with a value that is not supported{Named(name)}");

    private static FormatException Unsupported(string name) => new($"has an option that is not supported{Named(name)}");

    // Anything else may be a part of a password with an unescaped question mark.
    private static string Named(string name) => OptionName().IsMatch(name) ? $": {name}" : "";

    [GeneratedRegex("^postgres(ql)?://", RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    [GeneratedRegex("%(?![0-9A-Fa-f]{2})")]
    private static partial Regex BrokenEscape();

    [GeneratedRegex("^[a-z][a-z_]{1,40}$")]
    private static partial Regex OptionName();
}
