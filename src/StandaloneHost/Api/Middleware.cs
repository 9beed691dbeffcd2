using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;

namespace Microsoft.Azure.Functions.Worker.Middleware
{
    /// <summary>The rest of the pipeline.</summary>
    /// <param name="context">The run.</param>
    public delegate Task FunctionExecutionDelegate(FunctionContext context);

    /// <summary>Runs around every function, whatever its trigger. One instance serves the whole process.</summary>
    public interface IFunctionsWorkerMiddleware
    {
        /// <summary>Calls <paramref name="next"/>, or answers in its place.</summary>
        /// <param name="context">The run.</param>
        /// <param name="next">The rest of the pipeline.</param>
        Task Invoke(FunctionContext context, FunctionExecutionDelegate next);
    }
}

namespace Microsoft.Azure.Functions.Worker
{
    /// <summary>What middleware is added to.</summary>
    public interface IFunctionsWorkerApplicationBuilder
    {
        /// <summary>The application's services.</summary>
        IServiceCollection Services { get; }

        /// <summary>Adds a middleware; the first added runs outermost.</summary>
        /// <param name="middleware">Given the rest of the pipeline, the pipeline.</param>
        IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware);
    }
}

namespace Microsoft.Extensions.Hosting
{
    /// <summary>Ways of adding middleware.</summary>
    public static class MiddlewareWorkerApplicationBuilderExtensions
    {
        /// <summary>Adds <typeparamref name="T"/>, registered as a singleton.</summary>
        /// <typeparam name="T">The middleware; its constructor's parameters come from the services.</typeparam>
        /// <param name="builder">The application.</param>
        public static IFunctionsWorkerApplicationBuilder UseMiddleware<T>(this IFunctionsWorkerApplicationBuilder builder)
            where T : class, IFunctionsWorkerMiddleware
        {
            builder.Services.AddSingleton<T>();
            return builder.Use(next =>
            {
                // A singleton: looked up once, since a look-up through InstanceServices would open a scope for every request.
                T? middleware = null;
                return context => (middleware ??= context.InstanceServices.GetRequiredService<T>()).Invoke(context, next);
            });
        }
    }
}
