using System.Collections;
using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace StandaloneHost;

/// <summary>One run of a function. An HTTP run uses the request's service scope, which is created only if needed.</summary>
/// <param name="bindingData">Properties of the trigger's messages; null for none.</param>
internal sealed class Invocation(
    WorkerFunction function, HttpContext? http, IServiceProvider? services, object? input, CancellationToken stop,
    IReadOnlyDictionary<string, object?>? bindingData = null)
    : FunctionContext
{
    /// <summary>The key that the official GetHttpContext() reads; an internal constant of Worker.Extensions.Http.AspNetCore.</summary>
    internal const string HttpContextKey = "HttpRequestContext";

    private string? id;
    private IServiceProvider? services = services;
    private IDictionary<object, object>? items;
    private FeatureSet? features;

    public WorkerFunction Function => function;

    public HttpContext? Http => http;

    /// <summary>Data of the trigger: a TimerInfo or messages; null for HTTP.</summary>
    public object? Input => input;

    /// <summary>What the function returned; null for a function without a result.</summary>
    public object? Result { get; set; }

    public override string InvocationId => id ??= Guid.NewGuid().ToString();

    public override string FunctionId => function.Id;

    public override TraceContext TraceContext => NoTrace.Instance;

    public override BindingContext BindingContext => bindingData is null ? TriggerData.None : new TriggerData(bindingData);

    /// <summary>Always null, as in a Functions host without a retry policy: this host doesn't support retry policies.</summary>
    public override RetryContext RetryContext => null!;

    public override IServiceProvider InstanceServices
    {
        get => services ?? http!.RequestServices;
        set => services = value;
    }

    public override FunctionDefinition FunctionDefinition => function;

    public override IDictionary<object, object> Items
    {
        get => items ??= http is null ? new Dictionary<object, object>() : new Dictionary<object, object>(1) { [HttpContextKey] = http };
        set => items = value;
    }

    public override IInvocationFeatures Features => features ??= new FeatureSet();

    public override CancellationToken CancellationToken => http?.RequestAborted ?? stop;

    private sealed class FeatureSet : IInvocationFeatures
    {
        private readonly Dictionary<Type, object> features = [];

        public void Set<T>(T instance) => features[typeof(T)] = instance!;

        public T? Get<T>() => features.TryGetValue(typeof(T), out var feature) ? (T)feature : default;

        public IEnumerator<KeyValuePair<Type, object>> GetEnumerator() => features.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>No host starts a trace here; ASP.NET Core reads the caller's trace from the request.</summary>
    private sealed class NoTrace : TraceContext
    {
        public static readonly NoTrace Instance = new();

        public override string TraceParent => "";

        public override string TraceState => "";
    }

    private sealed class TriggerData(IReadOnlyDictionary<string, object?> bindingData) : BindingContext
    {
        public static readonly TriggerData None = new(ImmutableDictionary<string, object?>.Empty);

        public override IReadOnlyDictionary<string, object?> BindingData => bindingData;
    }
}
