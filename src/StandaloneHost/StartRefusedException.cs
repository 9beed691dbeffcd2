namespace StandaloneHost;

/// <summary>The application can't start. The message is for the person who starts it and explains what to change.</summary>
public sealed class StartRefusedException(string message) : Exception(message);
