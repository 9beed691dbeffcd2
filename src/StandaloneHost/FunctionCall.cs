using System.Globalization;
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
/// <remarks>Uses no expression trees: building them takes memory and makes the start longer.</remarks>
internal static class FunctionCall
{
    private const BindingFlags PublicConstructors = BindingFlags.Instance | BindingFlags.Public | BindingFlags.DoNotWrapExceptions;

    public static Func<Invocation, Task> Build(string name, MethodInfo method, TriggerBindingAttribute trigger, ParameterInfo triggered)
    {
        Func<Invocation, object?>[] arguments = [.. method.GetParameters().Select(parameter => parameter == triggered
            ? Input(name, trigger, parameter)
            : Context(name, trigger, parameter))];
        Func<Invocation, object?> instance = method.IsStatic ? _ => null : Instance(method.DeclaringType!);
        var keep = Awaited(name, method, trigger);
        var invoker = MethodInvoker.Create(method);
        return run =>
        {
            var values = new object?[arguments.Length];
            for (var n = 0; n < values.Length; n++)
                values[n] = arguments[n](run);
            return keep(invoker.Invoke(instance(run), values.AsSpan()), run);
        };
    }

    /// <summary>Creates an instance for each run, as the official DefaultFunctionActivator does.</summary>
    private static Func<Invocation, object?> Instance(Type type) =>
        NeedsServices(type)
            ? run => run.InstanceServices.GetRequiredService(type)
            : _ => Activator.CreateInstance(type, PublicConstructors, null, null, null);

    /// <summary>Whether the service provider creates the instance; if not, a run needs no service scope for it.</summary>
    public static bool NeedsServices(Type type) =>
        !type.IsAbstract && (type.GetConstructors() is not [var only] || only.GetParameters().Length > 0);

    private static Func<Invocation, object?> Input(string name, TriggerBindingAttribute trigger, ParameterInfo parameter) =>
        (trigger, parameter.ParameterType) switch
        {
            (HttpTriggerAttribute, var type) when type == typeof(HttpRequest) => run => run.Http!.Request,
            (TimerTriggerAttribute, var type) when type == typeof(TimerInfo) => run => run.Input,
            (ServiceBusTriggerAttribute queue, var type) when Messages(queue.IsBatched, type) is { } bind =>
                run => bind((ReadOnlyMemory<byte>[])run.Input!),
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

    private static Func<ReadOnlyMemory<byte>[], object>? Messages(bool batched, Type type) => (batched, type) switch
    {
        (true, _) when type == typeof(string[]) => messages => Array.ConvertAll(messages, body => Encoding.UTF8.GetString(body.Span)),
        (true, _) when type == typeof(byte[][]) => messages => Array.ConvertAll(messages, body => body.ToArray()),
        (true, _) when type == typeof(ReadOnlyMemory<byte>[]) => messages => messages,
        (false, _) when type == typeof(string) => messages => Encoding.UTF8.GetString(messages[0].Span),
        (false, _) when type == typeof(byte[]) => messages => messages[0].ToArray(),
        (false, _) when type == typeof(ReadOnlyMemory<byte>) => messages => messages[0],
        _ => null,
    };

    private static Func<Invocation, object?> Context(string name, TriggerBindingAttribute trigger, ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (type == typeof(FunctionContext))
            return run => run;
        if (type == typeof(CancellationToken))
            return run => run.CancellationToken;
        if (trigger is HttpTriggerAttribute http && HttpFunctions.Pattern(name, http, "").GetParameter(parameter.Name!) is { } route)
            return RouteValue(name, parameter, route);
        throw new StartRefusedException(
            $"Function {name}: parameter {parameter.Name} can't be bound. In addition to the trigger, a function may have a " +
            "FunctionContext, a CancellationToken, and parameters with the names of route values such as {subscriptionId:guid}.");
    }

    private static Func<Invocation, object?> RouteValue(string name, ParameterInfo parameter, RoutePatternParameterPart route)
    {
        var type = parameter.ParameterType;
        if (parameter.Name != route.Name)
            throw new StartRefusedException(
                $"Function {name}: parameter {parameter.Name} must be written as in the route: {{{route.Name}}}.");

        string? text(Invocation run) => run.Http!.Request.RouteValues[route.Name] as string;
        if (type == typeof(string))
            return text;
        var nullable = Nullable.GetUnderlyingType(type);
        var parsed = nullable ?? type;
        Func<string, object> parse = parsed == typeof(Guid) ? value => Guid.Parse(value, CultureInfo.InvariantCulture)
            : parsed == typeof(int) ? value => int.Parse(value, CultureInfo.InvariantCulture)
            : parsed == typeof(long) ? value => long.Parse(value, CultureInfo.InvariantCulture)
            : throw new StartRefusedException(
                $"Function {name}: route value {parameter.Name} must be a string, Guid, int or long, not {type.Name}.");
        if (nullable is null && !parameter.HasDefaultValue)
            return run => parse(text(run)!);
        // MethodInvoker converts null, the DefaultValue of a parameter such as "Guid id = default", to default(T).
        var missing = parameter.HasDefaultValue ? parameter.DefaultValue : null;
        return run => text(run) is { } value ? parse(value) : missing;
    }

    private static Func<object?, Invocation, Task> Awaited(string name, MethodInfo method, TriggerBindingAttribute trigger)
    {
        var returned = method.ReturnType;
        if (returned == typeof(void))
            return (_, _) => Task.CompletedTask;
        if (returned == typeof(Task))
            return (task, _) => (Task)task!;

        var awaited = returned.IsGenericType && returned.GetGenericTypeDefinition() == typeof(Task<>);
        var value = awaited ? returned.GenericTypeArguments[0] : returned;
        // The official worker doesn't await a ValueTask, and doesn't write a plain value of an HTTP function to the response.
        if (value == typeof(ValueTask) || (value.IsGenericType && value.GetGenericTypeDefinition() == typeof(ValueTask<>))
            || (trigger is HttpTriggerAttribute && !value.IsAssignableTo(typeof(IResult))))
        {
            throw new StartRefusedException($"Function {name}: can't return {returned.Name}; return " +
                (trigger is HttpTriggerAttribute ? "IResult, Task<IResult>, or Task and write the response." : "Task, Task<T> or void."));
        }

        return awaited
            ? typeof(FunctionCall).GetMethod(nameof(Keep), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(value)
                .CreateDelegate<Func<object?, Invocation, Task>>()
            : (result, run) =>
            {
                run.Result = result;
                return Task.CompletedTask;
            };
    }

    private static Task Keep<T>(object? returned, Invocation run)
    {
        var task = (Task<T>)returned!;
        if (!task.IsCompletedSuccessfully)
            return Wait(task, run);
        run.Result = task.Result;
        return Task.CompletedTask;

        static async Task Wait(Task<T> task, Invocation run) => run.Result = await task;
    }
}
