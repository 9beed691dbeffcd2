using DevServices;

// The whole application, and beside it the sign-in without a password.
return await LicenseFunctions.Program.RunAsync(
    () => LicenseFunctions.Program.BuildStandalone(args, typeof(DemoSignInFunctions).Assembly));
