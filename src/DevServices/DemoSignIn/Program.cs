using DevServices;

// The standalone application, with the sign-in without a password added.
return await LicenseFunctions.Program.RunAsync(
    () => LicenseFunctions.Program.BuildStandalone(args, typeof(DemoSignInFunctions).Assembly));
