using Simulation;

// xUnit's own entry point, and one command beside it.
return args is ["simulate", .. var arguments]
    ? Simulate.Run(arguments)
    : await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
