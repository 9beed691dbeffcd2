using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace LicenseFunctions.Infrastructure.Http;

/// <summary>Changes some defaults of ConfigureFunctionsWebApplication.</summary>
public static class WorkerHttp
{
    public static IServiceCollection AddWorkerHttp(this IServiceCollection services) => services
        .Configure<KestrelServerOptions>(kestrel => kestrel.AddServerHeader = false)
        // MVC adds data protection, which writes a key to $HOME at the start. This app doesn't use it.
        .Configure<KeyManagementOptions>(keys => (keys.XmlRepository, keys.XmlEncryptor) = (new KeysInMemory(), new NullXmlEncryptor()));

    private sealed class KeysInMemory : IXmlRepository
    {
        private readonly List<XElement> keys = [];

        public IReadOnlyCollection<XElement> GetAllElements() => [.. keys];

        public void StoreElement(XElement element, string friendlyName) => keys.Add(element);
    }
}
