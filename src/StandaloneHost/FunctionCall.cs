using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.Extensions.DependencyInjection;

namespace StandaloneHost;

/// <summary>
/// The call of a function's method: creates the instance from the services, binds the parameters from the trigger, and stores the awaited
/// value in <see cref="Invocation.Result"/>. Refuses methods that the official worker can't bind or await.
/// </summary>
/// <remarks>
/// The call is built at the start and compiled when it first runs: compiling all of them takes a fifth of the start time.
/// </remarks>
internal static class FunctionCall
{
    private static readonly ParameterExpression Run = Expression.Parameter(typeof(Invocation), "run");

    public static Func<Invocation, Task> Build(string name, MethodInfo method, TriggerBindingAttribute trigger, ParameterInfo triggered)
    {
        var arguments = method.GetParameters().Select(parameter => parameter == triggered
            ? Input(name, trigger, parameter)
            : Context(name, trigger, parameter));
        var call = Expression.Call(method.IsStatic ? null : Instance(method.DeclaringType!), method, arguments);
        var lambda = Expression.Lambda<Func<Invocation, Task>>(Awaited(name, method, trigger, call), Run);
        var compiled = new Lazy<Func<Invocation, Task>>(lambda.Compile);
        return run => compiled.Value(run);
    }

    /// <summary>Creates an instance for each run, as the official DefaultFunctionActivator does.</summary>
    private static Expression Instance(Type type)
    {
        if (type.GetConstructor([]) is { } empty && type.GetConstructors().Length == 1)
            return Expression.New(empty);

        var factory = Expression.Property(
            Expression.Constant(new Lazy<ObjectFactory>(() => ActivatorUtilities.CreateFactory(type, []))), nameof(Lazy<>.Value));
        return Expression.Convert(
            Expression.Invoke(factory, Property(nameof(Invocation.InstanceServices)), Expression.Constant(null, typeof(object[]))), type);
    }

    private static Expression Input(string name, TriggerBindingAttribute trigger, ParameterInfo parameter)
    {
        var input = Property(nameof(Invocation.Input));
        return (trigger, parameter.ParameterType) switch
        {
            (HttpTriggerAttribute, var type) when type == typeof(HttpRequest) =>
                Expression.Property(Property(nameof(Invocation.Http)), nameof(HttpContext.Request)),
            (TimerTriggerAttribute, var type) when type == typeof(TimerInfo) => Expression.Convert(input, type),
            (ServiceBusTriggerAttribute queue, var type) when MessageBinding(queue.IsBatched, type) is { } bind =>
                Expression.Call(typeof(FunctionCall), bind, null, Expression.Convert(input, typeof(ReadOnlyMemory<byte>[]))),
            _ => throw new StartRefusedException(
                $"Function {name}: parameter {parameter.Name} of type {parameter.ParameterType.Name} can't be bound to its trigger; bind " +
                trigger switch
                {
                    HttpTriggerAttribute => "HttpRequest",
                    TimerTriggerAttribute => "TimerInfo",
                    _ => "string[], byte[][] or ReadOnlyMemory<byte>[] with IsBatched = true, " +
                        "string, byte[] or ReadOnlyMemory<byte> without",
                } + "."),
        };
    }

    private static string? MessageBinding(bool batched, Type type) => (batched, type) switch
    {
        (true, _) when type == typeof(string[]) => nameof(Texts),
        (true, _) when type == typeof(byte[][]) => nameof(Arrays),
        (true, _) when type == typeof(ReadOnlyMemory<byte>[]) => nameof(All),
        (false, _) when type == typeof(string) => nameof(Text),
        (false, _) when type == typeof(byte[]) => nameof(Array),
        (false, _) when type == typeof(ReadOnlyMemory<byte>) => nameof(One),
        _ => null,
    };

    private static Expression Context(string name, TriggerBindingAttribute trigger, ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (type == typeof(FunctionContext))
            return Run;
        if (type == typeof(CancellationToken))
            return Property(nameof(Invocation.CancellationToken));
        if (trigger is HttpTriggerAttribute http && HttpFunctions.Pattern(name, http, "").GetParameter(parameter.Name!) is { } route)
            return RouteValue(name, parameter, route);
        throw new StartRefusedException(
            $"Function {name}: parameter {parameter.Name} can't be bound. In addition to the trigger, a function may have a " +
            "FunctionContext, a CancellationToken, and parameters with the names of route values such as {subscriptionId:guid}.");
    }

    private static Expression RouteValue(string name, ParameterInfo parameter, RoutePatternParameterPart route)
    {
        var type = parameter.ParameterType;
        var parsed = Nullable.GetUnderlyingType(type) ?? type;
        if (parameter.Name != route.Name)
            throw new StartRefusedException(
                $"Function {name}: parameter {parameter.Name} must be written as in the route: {{{route.Name}}}.");

        var text = Expression.Call(typeof(FunctionCall), nameof(RouteText), null, Run, Expression.Constant(route.Name));
        if (type == typeof(string))
            return text;
        if (parsed != typeof(Guid) && parsed != typeof(int) && parsed != typeof(long))
            throw new StartRefusedException(
                $"Function {name}: route value {parameter.Name} must be a string, Guid, int or long, not {type.Name}.");

        Expression value = Expression.Call(typeof(FunctionCall), nameof(Parse), [parsed], text);
        if (type == parsed && !parameter.HasDefaultValue)
            return value;
        var missing = parameter is { HasDefaultValue: true, DefaultValue: { } given }
            ? Expression.Constant(given, type)
            : (Expression)Expression.Default(type);
        return Expression.Condition(
            Expression.Equal(text, Expression.Constant(null, typeof(string))),
            missing,
            type == parsed ? value : Expression.Convert(value, type));
    }

    private static Expression Awaited(string name, MethodInfo method, TriggerBindingAttribute trigger, MethodCallExpression call)
    {
        var returned = method.ReturnType;
        if (returned == typeof(void))
            return Expression.Block(call, Expression.Constant(Task.CompletedTask));
        if (returned == typeof(Task))
            return call;

        var awaited = returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(Task<>);
        var value = awaited ? returned.GenericTypeArguments[0] : returned;
        // The official worker doesn't await a ValueTask, and doesn't write a plain value of an HTTP function to the response.
        if (value == typeof(ValueTask) || (value.IsGenericType && value.GetGenericTypeDefinition() == typeof(ValueTask<>))
            || (trigger is HttpTriggerAttribute && !value.IsAssignableTo(typeof(IResult))))
        {
            throw new StartRefusedException($"Function {name}: can't return {returned.Name}; return " +
                (trigger is HttpTriggerAttribute ? "IResult, Task<IResult>, or Task and write the response." : "Task, Task<T> or void."));
        }

        return Expression.Call(typeof(FunctionCall), awaited ? nameof(Keep) : nameof(KeepValue), [value], call, Run);
    }

    private static MemberExpression Property(string name) => Expression.Property(Run, name);

    private static Task Keep<T>(Task<T> task, Invocation run)
    {
        return task.IsCompletedSuccessfully ? KeepValue(task.Result, run) : Wait(task, run);

        static async Task Wait(Task<T> task, Invocation run) => run.Result = await task;
    }

    private static Task KeepValue<T>(T value, Invocation run)
    {
        run.Result = value;
        return Task.CompletedTask;
    }

    private static string? RouteText(Invocation run, string name) => run.Http!.Request.RouteValues[name] as string;

    private static T Parse<T>(string? text) where T : IParsable<T> => T.Parse(text!, CultureInfo.InvariantCulture);

    private static string[] Texts(ReadOnlyMemory<byte>[] messages) =>
        System.Array.ConvertAll(messages, body => Encoding.UTF8.GetString(body.Span));

    private static byte[][] Arrays(ReadOnlyMemory<byte>[] messages) => System.Array.ConvertAll(messages, body => body.ToArray());

    private static ReadOnlyMemory<byte>[] All(ReadOnlyMemory<byte>[] messages) => messages;

    private static string Text(ReadOnlyMemory<byte>[] messages) => Encoding.UTF8.GetString(messages[0].Span);

    private static byte[] Array(ReadOnlyMemory<byte>[] messages) => messages[0].ToArray();

    private static ReadOnlyMemory<byte> One(ReadOnlyMemory<byte>[] messages) => messages[0];
}
