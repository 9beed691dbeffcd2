using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>
/// What the Functions host asks of an HTTP caller. StandaloneHost has no function keys: it starts functions of level
/// <see cref="Anonymous"/> only and refuses the others by name.
/// </summary>
public enum AuthorizationLevel
{
    /// <summary>Anyone: the application authorises.</summary>
    Anonymous = 0,

    /// <summary>A valid user token.</summary>
    User = 1,

    /// <summary>A function key.</summary>
    Function = 2,

    /// <summary>A system key.</summary>
    System = 3,

    /// <summary>The master key.</summary>
    Admin = 4,
}

/// <summary>Calls the function over HTTP. Without a level the official default, <see cref="AuthorizationLevel.Function"/>, holds.</summary>
public sealed class HttpTriggerAttribute : TriggerBindingAttribute
{
    /// <summary>Any method, level Function.</summary>
    public HttpTriggerAttribute() => AuthLevel = AuthorizationLevel.Function;

    /// <summary>These methods. As in the official source, this constructor leaves the level at its zero, Anonymous.</summary>
    /// <param name="methods">HTTP methods, in any case.</param>
    public HttpTriggerAttribute(params string[] methods) => Methods = methods;

    /// <summary>Any method, this level.</summary>
    /// <param name="authLevel">What the host asks of a caller.</param>
    public HttpTriggerAttribute(AuthorizationLevel authLevel) => AuthLevel = authLevel;

    /// <summary>These methods, this level.</summary>
    /// <param name="authLevel">What the host asks of a caller.</param>
    /// <param name="methods">HTTP methods, in any case.</param>
    public HttpTriggerAttribute(AuthorizationLevel authLevel, params string[] methods)
    {
        AuthLevel = authLevel;
        Methods = methods;
    }

    /// <summary>ASP.NET Core route template, constraints included, below host.json's routePrefix; null is the function's name.</summary>
    public string? Route { get; set; }

    /// <summary>The methods that are answered; null or empty = all.</summary>
    public string[]? Methods { get; }

    /// <summary>What the host asks of a caller.</summary>
    public AuthorizationLevel AuthLevel { get; }
}
