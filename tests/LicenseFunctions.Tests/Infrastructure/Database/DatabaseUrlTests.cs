using LicenseFunctions.Infrastructure.Database;
using Npgsql;
using Xunit;

namespace LicenseFunctions.Tests.Infrastructure.Database;

public sealed class DatabaseUrlTests
{
    [Theory]
    [InlineData("postgresql://us%40er:p%3Ass@db.example:6543/execution_control?sslmode=verify-full&connect_timeout=3",
        "Host=db.example;Port=6543;Username=us@er;Password=p:ss;Database=execution_control;SSL Mode=VerifyFull;Timeout=3")]
    // As hosting providers show it.
    [InlineData("postgres://u:p@ep-x.aws.neon.tech/db?sslmode=require&channel_binding=require",
        "Host=ep-x.aws.neon.tech;Username=u;Password=p;Database=db;SSL Mode=Require;Channel Binding=Require")]
    [InlineData("postgresql://u.ref:p@pooler.example:6543/postgres?sslmode=no-verify", null)]
    [InlineData("postgres://u:p@h/db?sslmode=require&options=endpoint%3Dep-x",
        "Host=h;Username=u;Password=p;Database=db;SSL Mode=Require;Options=endpoint=ep-x")]
    [InlineData("postgres:///db?host=/cloudsql/project:region:name&user=u&password=p%26w",
        "Host=/cloudsql/project:region:name;Username=u;Password=p&w;Database=db")]
    [InlineData("postgresql://%2Fvar%2Frun%2Fpostgresql/db", "Host=/var/run/postgresql;Database=db")]
    [InlineData("postgresql://", "Host=localhost")]
    [InlineData("postgresql://h", "Host=h")]
    [InlineData("postgresql://h/", "Host=h")]
    [InlineData("postgresql://h?dbname=db", "Host=h;Database=db")]
    [InlineData("postgresql://u@h/db\n", "Host=h;Username=u;Database=db")]
    [InlineData("postgresql://[2001:db8::1]:6543/db", "Host=2001:db8::1;Port=6543;Database=db")]
    [InlineData("postgresql://u:a@b@h/db", "Host=h;Username=u;Password=a@b;Database=db")]
    [InlineData("postgresql://h/d%C3%A9j%C3%A0", "Host=h;Database=d\u00e9j\u00e0")]
    // Several hosts: the one that can be written to.
    [InlineData("postgresql://h1,h2:6543/db", "Host=h1:5432,h2:6543;Database=db;Target Session Attributes=read-write")]
    [InlineData("postgresql://h1:1,h2:2/db?target_session_attrs=primary", "Host=h1:1,h2:2;Database=db;Target Session Attributes=primary")]
    [InlineData("postgresql:///db?host=h1,h2&port=1,2", "Host=h1:1,h2:2;Database=db;Target Session Attributes=read-write")]
    [InlineData("postgresql://h/db?target_session_attrs=read-write", "Host=h;Database=db")]
    // The other options of libpq.
    [InlineData("postgresql://h/db?application_name=x&fallback_application_name=y", "Host=h;Database=db;Application Name=x")]
    [InlineData("postgresql://h/db?keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=5000",
        "Host=h;Database=db;TCP Keepalive=True;TCP Keepalive Time=30;TCP Keepalive Interval=10")]
    [InlineData("postgresql://h/db?keepalives_interval=10", "Host=h;Database=db")]
    [InlineData("postgresql://h/db?gssencmode=disable&sslsni=1&client_encoding=UTF8&ssl_min_protocol_version=TLSv1.2",
        "Host=h;Database=db;GSS Encryption Mode=Disable")]
    [InlineData("postgresql://h/db?sslmode=require&sslnegotiation=direct", "Host=h;Database=db;SSL Mode=Require;SSL Negotiation=Direct")]
    [InlineData("postgresql://h/db?sslmode=require&sslrootcert=/ca.pem", "Host=h;Database=db;SSL Mode=VerifyCA;Root Certificate=/ca.pem")]
    [InlineData("postgresql://h/db?sslrootcert=system", "Host=h;Database=db;SSL Mode=VerifyFull")]
    [InlineData("postgresql://h/db?require_auth=scram-sha-256,md5", "Host=h;Database=db;Require Auth=ScramSHA256,MD5")]
    [InlineData("postgresql://h/db?require_auth=!password", "Host=h;Database=db;Require Auth=!Password")]
    [InlineData("postgresql://h1,h2/db?load_balance_hosts=random&target_session_attrs=any",
        "Host=h1:5432,h2:5432;Database=db;Load Balance Hosts=True;Target Session Attributes=any")]
    // Npgsql's own options.
    [InlineData("postgresql://h/db?Maximum%20Pool%20Size=5", "Host=h;Database=db;Maximum Pool Size=5")]
    [InlineData("Host=h;Database=db;Channel Binding=Require", "Host=h;Database=db;Channel Binding=Require")]
    public void Parse_Address_HasTheOptionsOfNpgsql(string text, string? expected)
    {
        if (expected is null)
        {
            Assert.Throws<FormatException>(() => DatabaseUrl.Parse(text));
            return;
        }

        var parsed = DatabaseUrl.Parse(text);
        Assert.True(parsed.EquivalentTo(new NpgsqlConnectionStringBuilder(expected)), parsed.ConnectionString);
    }

    [Theory]
    [InlineData("postgresql://h/db?sslcrl=/x", "has an option that is not supported: sslcrl")]
    [InlineData("postgresql://h/db?hostaddr=192.0.2.1", "has an option that is not supported: hostaddr")]
    [InlineData("postgresql://h/db?service=x", "has an option that is not supported: service")]
    [InlineData("postgresql://h/db?pgbouncer=true", "has an option that is not supported: pgbouncer")]
    [InlineData("postgresql://h/db?sslmode=yes", "has an option with a value that is not supported: sslmode")]
    [InlineData("postgresql://h/db?channel_binding=yes", "has an option with a value that is not supported: channel_binding")]
    [InlineData("postgresql://h/db?connect_timeout=1,000", "has an option with a value that is not supported: connect_timeout")]
    [InlineData("postgresql://h/db?connect_timeout=+3", "has an option with a value that is not supported: connect_timeout")]
    [InlineData("postgresql://h/db?connect_timeout=9999", "has an option with a value that is not supported: connect_timeout")]
    [InlineData("postgresql://h/db?keepalives=yes", "has an option with a value that is not supported: keepalives")]
    [InlineData("postgresql://h/db?client_encoding=latin1", "has an option with a value that is not supported: client_encoding")]
    [InlineData("postgresql://h/db?ssl_min_protocol_version=TLSv1.3",
        "has an option with a value that is not supported: ssl_min_protocol_version")]
    [InlineData("postgresql://h/db?target_session_attrs=standby", "has an option with a value that is not supported: target_session_attrs")]
    [InlineData("postgresql://h1,h2/db?target_session_attrs=best",
        "has an option with a value that is not supported: target_session_attrs")]
    [InlineData("postgresql://h/db?require_auth=magic", "has an option with a value that is not supported: require_auth")]
    [InlineData("postgresql://h/db?sslnegotiation=direct", "has options that contradict each other")]
    [InlineData("postgresql://h/db?sslmode", "has an option without a value")]
    [InlineData("postgresql://u:p?secret@h/db", "has an option without a value")]
    [InlineData("postgresql://h:x/db", "has an option with a value that is not supported: port")]
    [InlineData("postgresql://h:70000/db", "has a port that is not from 1 to 65535")]
    [InlineData("postgresql://h1,h2,h3/db?port=1,2", "has a different number of ports than hosts")]
    [InlineData("postgresql://u:100%@h/db", "has a percent sign that is not followed by two hexadecimal digits: write %25 for it")]
    [InlineData("Nonsense=1", "is neither a postgresql:// address nor an Npgsql connection string")]
    [InlineData("Username=license", "is neither a postgresql:// address nor an Npgsql connection string")]
    [InlineData("Host=h;Target Session Attributes=primary", "is neither a postgresql:// address nor an Npgsql connection string")]
    [InlineData("mysql://h/db", "is neither a postgresql:// address nor an Npgsql connection string")]
    public void Parse_AddressThatNpgsqlCantUse_NamesTheOption(string text, string fault) =>
        Assert.Equal(fault, Assert.Throws<FormatException>(() => DatabaseUrl.Parse(text)).Message);
}
