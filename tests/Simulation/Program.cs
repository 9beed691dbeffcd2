using Simulation;

// xUnit's entry point, and the command simulate.
return args is ["simulate", .. var arguments]
    ? Simulate.Run(arguments)
    : await Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
